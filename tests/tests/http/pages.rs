//! Web pages: those that may use the node are told so, others are refused.

use realm_tests::TinyNode;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The whole answer, in small letters.
async fn ask(node: SocketAddr, head: &str) -> String {
    let mut tcp = TcpStream::connect(node).await.unwrap();
    tcp.write_all(format!("{head}\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(realm_tests::HANG, tcp.read_to_string(&mut answer)).await.expect("an answer").unwrap();
    answer.to_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_told_who_may_read() {
    let node = TinyNode::start().await;
    let at = node.node.address();
    let asked = "options /v1/chat/completions http/1.1\r\naccess-control-request-method: POST\r\naccess-control-request-headers: authorization, x-stainless-lang";
    let asked = asked.replace("options", "OPTIONS").replace("http/1.1", "HTTP/1.1");
    let local = ask(at, &format!("{asked}\r\norigin: http://localhost:3000")).await;
    assert!(local.starts_with("http/1.1 204"), "{local}");
    assert!(local.contains("access-control-allow-origin: http://localhost:3000"), "{local}");
    assert!(local.contains("access-control-allow-headers: authorization, x-stainless-lang"), "{local}");
    let foreign = ask(at, &format!("{asked}\r\norigin: https://evil.example")).await;
    assert!(foreign.starts_with("http/1.1 403") && !foreign.contains("access-control"), "{foreign}");

    let local = ask(at, "GET /v1/models HTTP/1.1\r\norigin: http://localhost:3000").await;
    assert!(local.starts_with("http/1.1 200"), "{local}");
    assert!(local.contains("access-control-allow-origin: http://localhost:3000"), "{local}");
    let program = ask(at, "GET /v1/models HTTP/1.1").await;
    assert!(program.starts_with("http/1.1 200") && !program.contains("access-control"), "{program}");
    node.node.stop().await;
}
