//! The server dies without warning and is started again on its folder.

use crate::world::World;
use liuhen_tests::harness::server;

impl World {
    /// Kills the server and starts it again; phones find the new one under the old address.
    fn kill_and_reopen(&mut self) {
        let server = self.server.take().expect("the server runs");
        let server = server.kill_and_reopen().expect("it starts again");
        self.proxy.redirect(server.address);
        self.server = Some(server);
    }

    fn verify(mut self) {
        let server = self.server.take().expect("the server runs");
        server::verify_ledger(&self.data()).expect("it verifies while the server runs");
        server.stop().expect("it stops");
        server::verify_ledger(&self.data()).expect("it verifies after the server stopped");
    }
}

#[test]
fn a_server_killed_after_every_exchange_loses_and_doubles_nothing() {
    let mut world = World::new();
    for round in 0..4 {
        world.note(&format!("note {round}"));
        world.answer(round);
        let report = world.phone.synchronise(None).expect("a synchronisation");
        assert!(report.failures.is_empty(), "{:?}", report.failures);
        world.kill_and_reopen();
    }
    world.hand_in();
    assert_eq!(world.notes_shown(), ["note 0", "note 1", "note 2", "note 3"]);
    world.verify();
}

#[test]
fn a_server_killed_in_the_middle_of_an_exchange_loses_and_doubles_nothing() {
    let mut world = World::new();
    let mut expected = Vec::new();
    for round in 0..6 {
        let text = format!("note {round}");
        world.note(&text);
        expected.push(text);
        let phone = std::sync::Arc::clone(&world.phone);
        // Whether it succeeds depends on when the server dies; both are right.
        let exchange = std::thread::spawn(move || phone.synchronise(None).map(|_| ()));
        world.kill_and_reopen();
        drop(exchange.join().expect("the exchange ends"));
    }
    world.hand_in();
    assert_eq!(world.notes_shown(), expected);
    world.verify();
}
