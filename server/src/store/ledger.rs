//! Leaves, subtrees, the head row and the bodies of acts.

use super::Connection;
use liuhen_trace::{
    Hash,
    entry::Salt,
    merkle::{Node, Tree},
};
use sqlx::FromRow;

#[derive(Debug, Clone, FromRow)]
pub struct HeadRow {
    pub epoch: i64,
    pub size: i64,
    pub subtrees: Vec<u8>,
    pub root: Vec<u8>,
}

impl HeadRow {
    /// The tree the row stands for; `None` when its parts contradict each other.
    pub fn tree(&self) -> Option<Tree> {
        let hashes: Option<Vec<Hash>> = self.subtrees.chunks(Hash::LEN).map(Hash::from_slice).collect();
        let tree = Tree::from_row(self.size.try_into().ok()?, &hashes?)?;
        (tree.root().as_bytes() == self.root).then_some(tree)
    }
}

#[derive(Debug, Clone, FromRow)]
pub struct LeafRow {
    pub leaf: i64,
    pub hash: Vec<u8>,
    pub bytes: Vec<u8>,
}

#[derive(Debug, Clone, FromRow)]
pub struct ActRow {
    pub leaf: i64,
    pub salt: Vec<u8>,
    pub body: Vec<u8>,
}

pub async fn head(conn: &mut Connection) -> Result<Option<HeadRow>, sqlx::Error> {
    sqlx::query_as("SELECT epoch, size, subtrees, root FROM ledger_head WHERE id = 1")
        .fetch_optional(conn)
        .await
}

pub async fn save_head(conn: &mut Connection, epoch: u64, tree: &Tree) -> Result<(), sqlx::Error> {
    let subtrees: Vec<u8> = tree.row().iter().flat_map(|hash| hash.0).collect();
    sqlx::query(
        "INSERT INTO ledger_head (id, epoch, size, subtrees, root) VALUES (1, $1, $2, $3, $4)
         ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, size = excluded.size,
             subtrees = excluded.subtrees, root = excluded.root",
    )
    .bind(epoch as i64)
    .bind(tree.size() as i64)
    .bind(subtrees)
    .bind(tree.root().0.to_vec())
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn insert_leaf(
    conn: &mut Connection,
    leaf: u64,
    hash: Hash,
    bytes: &[u8],
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO ledger_leaf (leaf, hash, bytes) VALUES ($1, $2, $3)")
        .bind(leaf as i64)
        .bind(hash.as_bytes())
        .bind(bytes)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn insert_node(conn: &mut Connection, node: Node, hash: Hash) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO ledger_node (level, idx, hash) VALUES ($1, $2, $3)")
        .bind(i64::from(node.level))
        .bind(node.index as i64)
        .bind(hash.as_bytes())
        .execute(conn)
        .await?;
    Ok(())
}

/// The hash of a perfect subtree, the leaves' level included.
pub async fn node(conn: &mut Connection, node: Node) -> Result<Option<Hash>, sqlx::Error> {
    let query = match node.level {
        0 => sqlx::query_scalar("SELECT hash FROM ledger_leaf WHERE leaf = $1").bind(node.index as i64),
        level => sqlx::query_scalar("SELECT hash FROM ledger_node WHERE level = $1 AND idx = $2")
            .bind(i64::from(level))
            .bind(node.index as i64),
    };
    let hash: Option<Vec<u8>> = query.fetch_optional(conn).await?;
    Ok(hash.and_then(|bytes| Hash::from_slice(&bytes)))
}

pub async fn leaf(conn: &mut Connection, leaf: u64) -> Result<Option<LeafRow>, sqlx::Error> {
    sqlx::query_as("SELECT leaf, hash, bytes FROM ledger_leaf WHERE leaf = $1")
        .bind(leaf as i64)
        .fetch_optional(conn)
        .await
}

pub async fn insert_act(
    conn: &mut Connection,
    leaf: u64,
    salt: &Salt,
    body: &[u8],
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO act (leaf, salt, body) VALUES ($1, $2, $3)")
        .bind(leaf as i64)
        .bind(&salt[..])
        .bind(body)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn act(conn: &mut Connection, leaf: u64) -> Result<Option<ActRow>, sqlx::Error> {
    sqlx::query_as("SELECT leaf, salt, body FROM act WHERE leaf = $1")
        .bind(leaf as i64)
        .fetch_optional(conn)
        .await
}

/// Acts behind a leaf, in order.
pub async fn acts(conn: &mut Connection, after: i64, limit: i64) -> Result<Vec<ActRow>, sqlx::Error> {
    sqlx::query_as("SELECT leaf, salt, body FROM act WHERE leaf > $1 ORDER BY leaf LIMIT $2")
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await
}

/// The last act below a leaf.
pub async fn act_below(conn: &mut Connection, leaf: u64) -> Result<Option<u64>, sqlx::Error> {
    let below: Option<i64> = sqlx::query_scalar("SELECT MAX(leaf) FROM act WHERE leaf < $1")
        .bind(leaf as i64)
        .fetch_one(conn)
        .await?;
    Ok(below.map(|leaf| leaf as u64))
}

/// The first act at or behind a leaf.
pub async fn act_from(conn: &mut Connection, leaf: u64) -> Result<Option<u64>, sqlx::Error> {
    let behind: Option<i64> = sqlx::query_scalar("SELECT MIN(leaf) FROM act WHERE leaf >= $1")
        .bind(leaf as i64)
        .fetch_one(conn)
        .await?;
    Ok(behind.map(|leaf| leaf as u64))
}

/// Says that an act speaks of a task or a visit.
pub async fn insert_about(conn: &mut Connection, about: &str, leaf: i64) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO act_about (about, leaf) VALUES ($1, $2)")
        .bind(about)
        .bind(leaf)
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether there are tasks and nothing is known of the acts about them.
pub async fn lacks_about(conn: &mut Connection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM task) AND NOT EXISTS (SELECT 1 FROM act_about)")
        .fetch_one(conn)
        .await
}
