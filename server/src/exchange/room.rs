//! Room for bodies that are in memory before anybody knows whether they are right.
//!
//! A device is heard only on a whole body, because its signature covers it. So strangers can make the
//! server hold bodies, and all bodies together are bounded: what comes beyond is told to try again.

use crate::error::ApiError;
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Bodies of all requests together: 128 pieces of evidence as phones send them, each of which is here
/// for as long as a slow link takes.
const ROOM_BYTES_MAX: usize = 64 * 1024 * 1024;

static ROOM: Semaphore = Semaphore::const_new(ROOM_BYTES_MAX);

/// A whole body with the room it takes; dropping it gives the room back.
pub struct Held {
    pub bytes: Bytes,
    _room: Option<SemaphorePermit<'static>>,
}

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    TooLarge,
    /// It ended early or came too slowly.
    Cut,
    /// Others take all the room.
    NoRoom,
}

/// Reads a whole body of at most `bytes_max` bytes. Room is taken as bytes come and never waited for:
/// bodies that wait for each other would all be late.
pub async fn read(body: Body, bytes_max: usize) -> Result<Held, Unread> {
    read_into(&ROOM, body, bytes_max).await
}

/// What a request is told that finds no room.
pub fn full() -> ApiError {
    ApiError::unavailable("server.busy", "too much is being sent at once; try again in a moment")
}

async fn read_into(room: &'static Semaphore, body: Body, bytes_max: usize) -> Result<Held, Unread> {
    let (mut chunks, mut bytes) = (body.into_data_stream(), BytesMut::new());
    let mut taken: Option<SemaphorePermit<'static>> = None;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Unread::Cut)?;
        if chunk.len() > bytes_max - bytes.len() {
            return Err(Unread::TooLarge);
        }
        let size = u32::try_from(chunk.len()).map_err(|_| Unread::TooLarge)?;
        let more = room.try_acquire_many(size).map_err(|_| Unread::NoRoom)?;
        match &mut taken {
            Some(taken) => taken.merge(more),
            None => taken = Some(more),
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Held { bytes: bytes.freeze(), _room: taken })
}

#[cfg(test)]
mod tests {
    use super::*;

    static SMALL: Semaphore = Semaphore::const_new(10);

    #[tokio::test]
    async fn bodies_share_a_room_and_give_it_back() {
        let body = |bytes: usize| Body::from(vec![0; bytes]);
        let first = read_into(&SMALL, body(6), 8).await.expect("room");
        assert_eq!(first.bytes.len(), 6);
        assert_eq!(read_into(&SMALL, body(6), 8).await.err(), Some(Unread::NoRoom));
        assert_eq!(read_into(&SMALL, body(9), 8).await.err(), Some(Unread::TooLarge));
        drop(first);
        assert!(read_into(&SMALL, body(8), 8).await.is_ok());
        assert_eq!(SMALL.available_permits(), 10);
    }
}
