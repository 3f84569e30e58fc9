//! Enrolling a phone over the network, as the app does it.

use liuhen_mobile::{Client, MobileError, records::NewEnrolment};
use liuhen_tests::harness::{
    authenticator::Authenticator,
    server::Server,
    supervisor::{Api, text},
};
use serde_json::json;

const PASSWORD: &str = "a password for a phone";

#[test]
fn an_inspector_with_a_second_factor_enrols_a_phone_by_its_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::create(&folder.path().join("server")).expect("a server");
    let account = json!({
        "login": "zhang", "password": PASSWORD, "name": "张伟", "certificate_no": "GA-1", "roles": ["inspector"],
    });
    server.admin().expect("a sign-in").post("/api/v1/accounts", &account).expect("an account");
    let own = Api::signed_in(&server.url(), "zhang", PASSWORD).expect("a sign-in");
    let begun = own.post("/api/v1/second-factor", &json!({})).expect("a secret");
    let authenticator = Authenticator::new(text(&begun, "secret").expect("a secret")).expect("base32");
    let taken = authenticator.fresh_code().expect("a code");
    let confirmed = own.try_post("/api/v1/second-factor/confirmation", &json!({ "code": taken }));
    assert_eq!(confirmed.expect("an answer").status, 204);

    let phone = Client::open(folder.path().join("phone").to_string_lossy().into_owned()).expect("a folder");
    let enrol = |code: Option<String>| {
        phone.enrol(NewEnrolment {
            server: server.url(),
            login: "zhang".to_owned(),
            password: PASSWORD.to_owned(),
            device_name: "phone".to_owned(),
            code,
        })
    };
    for (code, told) in [(None, "session.code_required"), (Some(taken), "session.wrong_code")] {
        let refused = enrol(code).expect_err("refused");
        assert!(matches!(refused, MobileError::Server { status: 401, .. }), "{refused}");
        assert_eq!(refused.code(), told);
        assert_eq!(phone.enrolment().expect("a read"), None);
    }
    let enrolled = enrol(Some(authenticator.fresh_code().expect("a code"))).expect("enrolled");
    assert_eq!(enrolled.person, "张伟");
    phone.synchronise(None).expect("it is heard");
}
