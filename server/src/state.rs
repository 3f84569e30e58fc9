//! What every request handler can reach.

use crate::{
    acts::access::{Passwords, Tokens},
    backup,
    config::Config,
    evidence::pictures::Pictures,
    exchange,
    ledger::{Ledger, Signer},
    store::{self, Connection, Store},
    telemetry,
};
use anyhow::Context;
use metrics_exporter_prometheus::PrometheusHandle;
use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::watch,
    task::{JoinError, JoinHandle},
};

/// Keys and what was signed last, apart from the database so that a restored one cannot fork the log.
pub const SIGNER_FOLDER: &str = "signer";

/// Cheap to clone; one for the whole process.
#[derive(Clone)]
pub struct AppState {
    pub store: Store,
    pub ledger: Ledger,
    pub config: Arc<Config>,
    pub passwords: Passwords,
    pub tokens: Tokens,
    pub metrics: PrometheusHandle,
    /// Small pictures of evidence.
    pub pictures: Pictures,
    /// The leaf below which every entry has a verdict; what is logged at it and above is being judged.
    pub judged: watch::Receiver<u64>,
    /// Whether the server is about to stop: who waits for something to happen is answered.
    pub stopping: watch::Sender<bool>,
}

/// Held while a process uses the data folder: a second committer would fork the log.
const LOCK_FILE: &str = "lock";

/// A request that outlived the stop keeps its hold on a reader or on the ledger; the process ends
/// without it.
const END_TIME_MAX: Duration = Duration::from_secs(5);

/// What runs beside the requests, and the hold on the data folder.
pub struct Background {
    committer: JoinHandle<Connection>,
    admission: JoinHandle<()>,
    _lock: File,
}

impl AppState {
    /// Opens or creates everything below the data folder and starts the committer and admission.
    pub async fn open(config: Config) -> anyhow::Result<(Self, Background)> {
        let data = &config.data;
        private_folder(data).with_context(|| format!("creating {}", data.display()))?;
        let lock = lock(data)?;
        anyhow::ensure!(
            !data.join(backup::MANIFEST_FILE).exists(),
            "restore.unfinished: {} is a backup, or a restore that did not come to its end; `liuhen restore` \
             makes a folder that can be served",
            data.display()
        );
        backup::before_migrating(data).await?;
        let (store, mut writer) =
            Store::open(data).await.with_context(|| format!("opening {}", data.display()))?;
        let keys = data.join(SIGNER_FOLDER);
        // New keys for old leaves would be a second deployment that every phone mistrusts.
        anyhow::ensure!(
            Signer::is_at(&keys) || store::ledger::head(&mut writer).await?.is_none(),
            "signer.keys_missing: the database has leaves, but {} has no keys; restore them",
            keys.display()
        );
        let signer = Signer::open(&keys).context("opening the signer")?;
        let (ledger, committer) = Ledger::start(writer, signer).await.context("starting the ledger")?;
        let (told, judged) = watch::channel(0);
        let state = Self {
            judged,
            stopping: watch::Sender::new(false),
            passwords: Passwords::new(config.password_memory_kib)?,
            tokens: Tokens::new(ledger.origin(), &ledger.session_secret()),
            metrics: telemetry::metrics()?,
            pictures: Pictures::new(&config.data),
            config: Arc::new(config),
            store,
            ledger,
        };
        let admission = exchange::admission::run(state.store.clone(), state.ledger.clone(), told);
        let admission = tokio::spawn(admission);
        Ok((state, Background { committer, admission, _lock: lock }))
    }

    /// Waits until the committer or the admission job has ended by itself, which only a panic makes them
    /// do. A server without them answers and stores nothing.
    pub async fn broken(&self) {
        let mut judged = self.judged.clone();
        tokio::select! {
            () = self.ledger.ended() => {}
            _ = judged.wait_for(|_| false) => {}
        }
    }

    /// Ends the committer once everybody else let go of the ledger, and folds the write-ahead log in.
    pub async fn close(self, background: Background) -> anyhow::Result<()> {
        let Self { store, ledger, .. } = self;
        background.admission.abort();
        // Its hold on the ledger ends with it; that it was aborted is no error.
        let judging = background.admission.await.err().filter(JoinError::is_panic);
        drop(ledger);
        let ended = async {
            store.close().await;
            background.committer.await
        };
        match tokio::time::timeout(END_TIME_MAX, ended).await {
            Ok(ended) => {
                store::checkpoint_wal(ended.context("the committer")?).await.context("folding in the log")?;
            }
            Err(_) => tracing::warn!(
                "a request that was given up still holds the database; what is committed is safe"
            ),
        }
        judging.map_or(Ok(()), |panic| Err(panic).context("the admission job"))
    }
}

/// Made for the owner alone: it holds keys, and in the database the secrets of second factors. One that is
/// there stays as it is.
pub fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The system lets go of the lock when the process ends, however it ends.
pub fn lock(data: &Path) -> anyhow::Result<File> {
    let file = File::create(data.join(LOCK_FILE)).context("creating the lock file")?;
    file.try_lock().with_context(|| format!("another process uses {}", data.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_whose_committer_or_admission_job_ended_by_itself_says_so() {
        let jobs: [fn(&Background); 2] =
            [|background| background.committer.abort(), |background| background.admission.abort()];
        for end in jobs {
            let folder = tempfile::tempdir().expect("a folder");
            let config = Config::new(folder.path().to_owned());
            let (state, background) = AppState::open(config).await.expect("an empty folder");
            let moment = Duration::from_millis(100);
            assert!(tokio::time::timeout(moment, state.broken()).await.is_err(), "both work");
            end(&background);
            tokio::time::timeout(END_TIME_MAX, state.broken()).await.expect("it is noticed");
        }
    }
}
