//! Signing in at the console: how long its cookie is good for, and what ends it.

use crate::deployment::{Deployment, PASSWORD};
use futures::FutureExt as _;
use liuhen_server::{
    acts::access::{
        second_factor::FactorState,
        sessions::{self, ConsoleIdentity, ConsoleSession, Credentials},
        tokens::Audience,
    },
    ledger::clock,
};

const MINUTE_MS: i64 = 60 * 1000;

async fn sign_in(deployment: &Deployment, login: &str) -> ConsoleSession {
    let given = Credentials { login: login.into(), password: PASSWORD.into(), code: None };
    sessions::sign_in_at_console(&deployment.state, given).await.expect("a sign-in")
}

/// A cookie of that sign-in that was given out a while ago.
fn aged(deployment: &Deployment, session: &ConsoleSession, minutes: i64) -> String {
    let given_ms = clock::now_ms() - minutes * MINUTE_MS;
    let issued =
        deployment.state.tokens.issue(Audience::Console, &session.account.id, &session.family, given_ms);
    issued.expect("a token")
}

async fn identify(deployment: &Deployment, cookie: &str) -> Result<ConsoleIdentity, &'static str> {
    sessions::identify_at_console(&deployment.state, cookie).await.map_err(|error| error.code())
}

#[tokio::test]
async fn a_cookie_is_renewed_while_it_is_used_and_dies_of_an_idle_hour() {
    let deployment = Deployment::staffed().await;
    let session = sign_in(&deployment, "wang").await;
    assert_eq!(session.factor, FactorState::NotRequired);
    let fresh = identify(&deployment, &session.token).await.expect("an identity");
    assert_eq!((fresh.identity.actor.id(), fresh.renewed), (session.account.id.as_str(), None));
    let used = identify(&deployment, &aged(&deployment, &session, 59)).await.expect("an identity");
    let renewed = used.renewed.expect("a new cookie");
    assert!(identify(&deployment, &renewed).await.is_ok());
    let idle = identify(&deployment, &aged(&deployment, &session, 61)).await;
    assert_eq!(idle.err(), Some("session.access_expired"));
}

#[tokio::test]
async fn twelve_hours_after_the_sign_in_no_renewal_helps() {
    let deployment = Deployment::staffed().await;
    let session = sign_in(&deployment, "wang").await;
    let family = session.family.clone();
    let altered = deployment.state.ledger.commit(move |tx| {
        async move {
            sqlx::query("UPDATE session_family SET started_at_ms = started_at_ms - $2 WHERE id = $1")
                .bind(&family)
                .bind(sessions::CONSOLE_HOURS_MAX * 60 * MINUTE_MS + 1)
                .execute(tx.conn())
                .await?;
            Ok(())
        }
        .boxed()
    });
    altered.await.expect("a commit");
    assert_eq!(identify(&deployment, &session.token).await.err(), Some("session.expired"));
}

#[tokio::test]
async fn a_cookie_falls_with_its_sign_in_and_opens_nothing_in_the_api() {
    let deployment = Deployment::staffed().await;
    let (first, second) = (sign_in(&deployment, "wang").await, sign_in(&deployment, "wang").await);
    let as_access_token = sessions::identify(&deployment.state, &first.token).await;
    assert_eq!(as_access_token.err().map(|error| error.code()), Some("session.access_invalid"));
    assert_eq!(identify(&deployment, deployment.token("wang")).await.err(), Some("session.access_invalid"));
    sessions::sign_out(&deployment.state, first.family.clone()).await.expect("a commit");
    assert_eq!(identify(&deployment, &first.token).await.err(), Some("session.ended"));
    assert!(identify(&deployment, &second.token).await.is_ok());
}

#[tokio::test]
async fn a_sign_in_at_the_console_outlives_the_sweep_of_expired_tokens() {
    let mut deployment = Deployment::staffed().await;
    let session = sign_in(&deployment, "wang").await;
    deployment.sign_in("zhang").await;
    assert!(identify(&deployment, &session.token).await.is_ok());
}
