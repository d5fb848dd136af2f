//! Bounds of the node, as HTTP says them.

use realm_tests::{HANG, Http, TinyNode};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// A generation that no test waits for.
const LONG: u32 = 3000;

fn long(stream: bool) -> String {
    let messages = json!([{"role": "user", "content": "Hi"}]);
    let body = json!({
        "model": "default", "messages": messages, "max_tokens": LONG, "temperature": 0, "stream": stream,
        "logprobs": true, "top_logprobs": 20,
    });
    body.to_string()
}

/// Sends a request and does not read the answer.
async fn send(mut tcp: TcpStream, path: &str, body: &str) -> TcpStream {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    tcp.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    tcp
}

async fn running(node: &TinyNode, calls: u64) {
    let running = async {
        while node.node.dispatcher().executor.stats().instances_alive() != calls {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(HANG, running).await.expect("the calls begin");
}

async fn read(mut tcp: TcpStream) -> String {
    let mut answer = String::new();
    tokio::time::timeout(HANG, tcp.read_to_string(&mut answer)).await.expect("an answer").unwrap();
    answer
}

async fn connect(node: SocketAddr) -> TcpStream {
    TcpStream::connect(node).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_says_when_to_come_again() {
    let node = TinyNode::with(|config| {
        let limits = &mut config.chain.tenants[0].limits;
        (limits.concurrent_calls_max, limits.queue_len_max) = (1, 0);
    })
    .await;
    let at = node.node.address();
    let busy = send(connect(at).await, "/v1/chat/completions", &long(true)).await;
    running(&node, 1).await;
    for stream in [false, true] {
        let answer = read(send(connect(at).await, "/v1/chat/completions", &long(stream)).await).await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("retry-after: 1\r\n") && answer.contains("OVERLOADED"), "{answer}");
    }
    let answer = read(send(connect(at).await, "/call/health_check", "{}").await).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1\r\n"), "{answer}");
    drop(busy);
    node.idle().await;
    assert_eq!(Http::ask(at, "POST", "/call/health_check", "{}").await.status, 200);
    node.node.stop().await;
}

/// `POST /` had no bound in time for its body: half a body held a connection without end.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let node = TinyNode::with(|config| config.server.body_wait_max = Duration::from_millis(50)).await;
    for path in ["/v1/completions", "/call/generate", "/"] {
        let mut tcp = connect(node.node.address()).await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
        );
        tcp.write_all(head.as_bytes()).await.unwrap();
        let answer = read(tcp).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_ends_its_own_generation() {
    let node = TinyNode::with(|config| {
        config.server.send_buffer_bytes = 16 << 10;
        config.events.slow_consumer_after = Duration::from_millis(300);
    })
    .await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let narrow = socket.connect(node.node.address()).await.unwrap();
    let unread = send(narrow, "/v1/chat/completions", &long(true)).await;
    running(&node, 1).await;
    // Nobody reads: the generation ends although it is far from its last token.
    node.idle().await;
    assert_eq!(node.node.dispatcher().metrics.slow_consumers.get(), 1);
    let answer = read(unread).await;
    let last = answer.rsplit("data: ").next().unwrap();
    assert!(last.contains("SLOW_CONSUMER") && !answer.contains("[DONE]"), "{last}");
    node.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_says_so_in_the_stream() {
    let node = TinyNode::with(|config| config.shutdown_wait_max = Duration::from_millis(50)).await;
    let stream = send(connect(node.node.address()).await, "/v1/chat/completions", &long(true)).await;
    running(&node, 1).await;
    let reading = tokio::spawn(read(stream));
    node.node.stop().await;
    let answer = reading.await.unwrap();
    let last: Value =
        serde_json::from_str(answer.rsplit("data: ").next().unwrap().split("\n\n").next().unwrap()).expect("an event");
    assert_eq!(last["error"]["data"]["code"], "SHUTTING_DOWN", "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_waits_in_a_queue_says_that_it_lives() {
    let node = TinyNode::with(|config| {
        config.chain.tenants[0].limits.concurrent_calls_max = 1;
        config.server.silence_max = Duration::from_millis(20);
    })
    .await;
    let at = node.node.address();
    let busy = send(connect(at).await, "/v1/chat/completions", &long(true)).await;
    running(&node, 1).await;
    let short = r#"{"model":"default","prompt":"Hi","max_tokens":2,"stream":true}"#;
    let mut waiting = send(connect(at).await, "/v1/completions", short).await;
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains(": alive\n\n") {
        let read = tokio::time::timeout(HANG, waiting.read_buf(&mut answer)).await.expect("something").unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
    }
    drop(busy);
    let answer = format!("{}{}", String::from_utf8_lossy(&answer), read(waiting).await);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("[DONE]"), "{answer}");
    node.node.stop().await;
}
