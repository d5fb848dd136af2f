//! One running node for all inputs of a process, and one HTTP request at it.

use realm_node::NodeConfig;
use realm_tests::{HANG, TinyNode};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;

/// Tokens of a sequence: every generation ends soon.
const CONTEXT_TOKENS: u32 = 128;

/// A node, and what drives it and its clients.
pub(crate) struct Running {
    pub runtime: Runtime,
    pub address: SocketAddr,
    /// Kept because dropping it stops the node.
    _node: TinyNode,
}

impl Running {
    /// Starts a node with a changed configuration. It runs until the process ends.
    pub fn start(change: impl FnOnce(&mut NodeConfig)) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let node = runtime.block_on(TinyNode::with(|config| {
            config.engine.context_length_max = Some(CONTEXT_TOKENS);
            config.executor.instances_max = 8;
            change(config);
        }));
        Self { runtime, address: node.node.address(), _node: node }
    }

    /// Sends a request as it is, and returns all that comes back until the node closes the connection.
    ///
    /// # Panics
    /// No end of the answer within [`HANG`]: the node hangs.
    pub fn exchange(&self, request: &[u8]) -> Vec<u8> {
        let exchange = async {
            let mut tcp = connect(self.address).await;
            let mut answer = Vec::new();
            // A node that refuses a request early may close before all of it is written.
            let _ = tcp.write_all(request).await;
            let _ = tcp.read_to_end(&mut answer).await;
            answer
        };
        self.runtime.block_on(async { tokio::time::timeout(HANG, exchange).await }).expect("the node answers in time")
    }

    /// Sends bytes that may be no request, or part of one, ends the sending, and reads until the node closes the
    /// connection.
    ///
    /// # Panics
    /// As [`exchange`](Self::exchange).
    pub fn exchange_and_close(&self, bytes: &[u8]) {
        let exchange = async {
            let mut tcp = connect(self.address).await;
            let _ = tcp.write_all(bytes).await;
            let _ = tcp.shutdown().await;
            let _ = tcp.read_to_end(&mut Vec::new()).await;
        };
        self.runtime.block_on(async { tokio::time::timeout(HANG, exchange).await }).expect("the node answers in time");
    }

    /// The status and the body of the answer to a request; `None` if the node closed the connection instead.
    pub fn ask(&self, head: &str, body: &[u8]) -> Option<(u16, String)> {
        let more = format!("host: {}\r\nconnection: close\r\ncontent-length: {}", self.address, body.len());
        let mut request = format!("{}\r\n{more}\r\n\r\n", head.trim_end()).into_bytes();
        request.extend_from_slice(body);
        let answer = self.exchange(&request);
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    }
}

/// Connects, from one of many addresses of this machine: the ports of one are used up by connections that just ended.
async fn connect(address: SocketAddr) -> TcpStream {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let from = [127, 0, 1, NEXT.fetch_add(1, Ordering::Relaxed).max(1)];
    let socket = TcpSocket::new_v4().expect("a socket");
    // Not every system has more than one loopback address.
    let _ = socket.bind((from, 0).into());
    let tcp = socket.connect(address).await.expect("the node accepts connections");
    tcp.set_nodelay(true).expect("a setting of every socket");
    tcp
}
