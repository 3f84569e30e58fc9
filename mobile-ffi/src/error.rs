//! One error for the app, of few kinds. An app branches on the kind, or on the stable `code` where
//! it has words of its own; `detail` is for logs.

use liuhen_device::Error;
use liuhen_trace::Refusal;

/// Why a call did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum MobileError {
    /// The folder cannot be read or written. `storage.full` is the one a person can mend.
    #[error("{code}: {detail}")]
    Storage { code: String, detail: String },
    /// No answer. Nothing was changed; trying again is safe.
    #[error("{code}: {detail}")]
    Network { code: String, detail: String },
    /// The server said no; the code is the server's.
    #[error("{code}: {detail} (HTTP {status})")]
    Server { status: u16, code: String, detail: String },
    /// The server's answer does not prove what it says, and nothing of it was kept.
    #[error("{code}: {detail}")]
    Untrusted { code: String, detail: String },
    /// What was asked for is not allowed, and nothing was written.
    #[error("{code}: {detail}")]
    Refused { code: String, detail: String },
    /// The device key gave no signature.
    #[error("{code}: {detail}")]
    Signer { code: String, detail: String },
    /// There is no such thing on this phone.
    #[error("{code}: {detail}")]
    NotFound { code: String, detail: String },
    /// The device has to be enrolled first.
    #[error("{code}: {detail}")]
    NotEnrolled { code: String, detail: String },
    /// The client was closed or suspended, or its folder is open elsewhere.
    #[error("{code}: {detail}")]
    Unavailable { code: String, detail: String },
}

impl MobileError {
    /// Stable and dotted.
    pub fn code(&self) -> &str {
        match self {
            MobileError::Storage { code, .. }
            | MobileError::Network { code, .. }
            | MobileError::Server { code, .. }
            | MobileError::Untrusted { code, .. }
            | MobileError::Refused { code, .. }
            | MobileError::Signer { code, .. }
            | MobileError::NotFound { code, .. }
            | MobileError::NotEnrolled { code, .. }
            | MobileError::Unavailable { code, .. } => code,
        }
    }
}

impl From<Error> for MobileError {
    fn from(error: Error) -> Self {
        let code = error.code().to_owned();
        let detail = error.to_string();
        match error {
            Error::Storage { detail, .. } => MobileError::Storage { code, detail },
            Error::Network { detail, .. } => MobileError::Network { code, detail },
            Error::Server { status, detail, .. } => MobileError::Server { status, code, detail },
            Error::Untrusted(refusal) => MobileError::Untrusted { code, detail: refusal.detail },
            Error::Refused(refusal) => MobileError::Refused { code, detail: refusal.detail },
            Error::Signer(_) => MobileError::Signer { code, detail },
            Error::NotFound { detail, .. } => MobileError::NotFound { code, detail },
            Error::NotEnrolled => MobileError::NotEnrolled { code, detail },
            Error::InUse | Error::Suspended | Error::Closed => MobileError::Unavailable { code, detail },
        }
    }
}

impl From<Refusal> for MobileError {
    fn from(refusal: Refusal) -> Self {
        MobileError::Refused { code: refusal.code.to_owned(), detail: refusal.detail }
    }
}

/// The app's own code failed while it was told something. The call goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum CallbackError {
    #[error("the app's callback failed: {reason}")]
    Failed { reason: String },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for CallbackError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        CallbackError::Failed { reason: error.reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use liuhen_trace::suite::SignerError;

    #[test]
    fn every_error_of_the_device_keeps_its_code() {
        let refusal = || Refusal::new("visit.unknown_item", "99");
        let errors = [
            Error::Storage { code: "storage.full", detail: "no space".into() },
            Error::Network { code: "network.cut", detail: "cut".into() },
            Error::Server { status: 409, code: "task.already_done".into(), detail: "done".into() },
            Error::Untrusted(refusal()),
            Error::Refused(refusal()),
            Error::Signer(SignerError("cancelled".into())),
            Error::NotFound { code: "visit.unknown", detail: "00".into() },
            Error::NotEnrolled,
            Error::InUse,
            Error::Suspended,
            Error::Closed,
        ];
        for error in errors {
            let code = error.code().to_owned();
            let shown = MobileError::from(error);
            assert_eq!(shown.code(), code);
            assert!(shown.to_string().starts_with(&code), "{shown}");
        }
    }
}
