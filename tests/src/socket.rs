//! Raw frames over a real socket, and raw HTTP: what any client could send.

use crate::HANG;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{collections::VecDeque, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, client::IntoClientRequest, http::HeaderMap, protocol::WebSocketConfig},
};

/// One WebSocket.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    next_id: u64,
    /// Notifications that came while an answer was waited for.
    notifications: VecDeque<Value>,
}

impl Socket {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(tcp(address).await, address).await
    }

    /// Connects with as little room for unread bytes as the system allows.
    pub async fn connect_narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a small buffer");
        Self::over(socket.connect(address).await.expect("the node accepts connections"), address).await
    }

    /// Connects with more headers, and gives those of the answer.
    ///
    /// # Errors
    /// The status with which the node refused.
    pub async fn connect_with(address: SocketAddr, headers: &[(&'static str, &str)]) -> Result<(Self, HeaderMap), u16> {
        let tcp = tcp(address).await;
        let mut request = format!("ws://{address}/").into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().expect("a header"));
        }
        match tokio_tungstenite::client_async(request, tcp).await {
            Ok((stream, answer)) => {
                let headers = answer.headers().clone();
                Ok((Self { stream, next_id: 0, notifications: VecDeque::new() }, headers))
            }
            Err(tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("no answer of HTTP: {error}"),
        }
    }

    /// Connects with a key in `Authorization`.
    pub async fn connect_as(address: SocketAddr, key: &str) -> Self {
        let bearer = format!("Bearer {key}");
        let connected = Self::connect_with(address, &[("authorization", &bearer)]).await;
        connected.unwrap_or_else(|status| panic!("the key is refused: {status}")).0
    }

    /// Waits until the node closes the connection; what it sends meanwhile is dropped.
    pub async fn closed(&mut self) {
        while self.try_frame().await.is_some() {}
    }

    async fn over(tcp: TcpStream, address: SocketAddr) -> Self {
        let config = WebSocketConfig::default().max_message_size(Some(64 << 20)).max_frame_size(Some(64 << 20));
        let url = format!("ws://{address}/");
        let (stream, _) = tokio_tungstenite::client_async_with_config(url, tcp, Some(config))
            .await
            .expect("the node speaks WebSocket");
        Self { stream, next_id: 0, notifications: VecDeque::new() }
    }

    /// Sends a text frame as it is.
    pub async fn send_raw(&mut self, text: impl Into<String>) {
        self.stream.send(Message::text(text.into())).await.expect("the connection stands");
    }

    /// Sends a request and does not wait; its id.
    pub async fn send(&mut self, method: &str, params: Value) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        self.send_raw(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()).await;
        id
    }

    /// The next text frame, as JSON. `None` when the node closed the connection.
    pub async fn try_frame(&mut self) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(HANG, self.stream.next()).await.expect("the node sends something");
            match message {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).expect("frames are JSON")),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next text frame, as JSON.
    pub async fn frame(&mut self) -> Value {
        self.try_frame().await.expect("the connection stands")
    }

    /// The response to a request. Notifications that come meanwhile are kept.
    pub async fn response(&mut self, id: u64) -> Value {
        loop {
            let frame = self.frame().await;
            if frame.get("method").is_some() {
                self.notifications.push_back(frame);
            } else if frame["id"] == json!(id) {
                return frame;
            }
        }
    }

    /// The next frame that is no notification; those that come meanwhile are kept.
    pub async fn frame_but_events(&mut self) -> Value {
        loop {
            let frame = self.frame().await;
            if frame.get("method").is_none() {
                return frame;
            }
            self.notifications.push_back(frame);
        }
    }

    /// Sends a request and waits for its response.
    pub async fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params).await;
        self.response(id).await
    }

    /// The result of a request.
    pub async fn result(&mut self, method: &str, params: Value) -> Value {
        let response = self.request(method, params).await;
        assert!(response.get("error").is_none(), "{method} failed: {response}");
        response["result"].clone()
    }

    /// The error of a request.
    pub async fn error(&mut self, method: &str, params: Value) -> Value {
        let response = self.request(method, params).await;
        assert!(response.get("result").is_none(), "{method} did not fail: {response}");
        response["error"].clone()
    }

    /// Subscribes; the subscription's id.
    pub async fn subscribe(&mut self, function: &str, params: Value, options: Value) -> String {
        let id = self.result("realm_subscribe", json!([function, params, options])).await;
        id.as_str().expect("subscription ids are strings").to_owned()
    }

    /// The next notification.
    pub async fn notification(&mut self) -> Value {
        match self.notifications.pop_front() {
            Some(kept) => kept,
            None => self.frame().await,
        }
    }

    /// The next event of any subscription: its subscription's id and itself.
    pub async fn event(&mut self) -> (String, Value) {
        let notification = self.notification().await;
        assert_eq!(notification["method"], "realm_event", "{notification}");
        let id = notification["params"]["subscription"].as_str().expect("an id").to_owned();
        (id, notification["params"]["result"].clone())
    }

    /// All events of the only subscription, the last one included.
    pub async fn events(&mut self) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let (_, event) = self.event().await;
            let last = event["type"] != "stream";
            events.push(event);
            if last {
                return events;
            }
        }
    }

    /// Sends bytes below WebSocket, such as half a frame.
    ///
    /// # Errors
    /// The node closed the connection.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes).await
    }

    /// Cuts the connection without a word.
    pub fn kill(self) {
        drop(self.stream.into_inner());
    }
}

/// A connection that sends at once, as clients' libraries do: otherwise one waits 40 ms for an acknowledgement now and then.
async fn tcp(address: SocketAddr) -> TcpStream {
    let tcp = TcpStream::connect(address).await.expect("the node accepts connections");
    tcp.set_nodelay(true).expect("a setting of every socket");
    tcp
}

/// A response over HTTP.
pub struct Http {
    /// `200`, ..
    pub status: u16,
    /// Its headers, as they came.
    pub head: String,
    /// What it carries.
    pub body: String,
}

impl Http {
    /// Asks with a request of its own connection.
    pub async fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Self {
        Self::ask_with(address, method, path, &[], body).await
    }

    /// Sends a request as it is, on a connection of its own that the request closes, and reads the answer.
    pub async fn ask_raw(address: SocketAddr, request: &str) -> Self {
        let mut tcp = TcpStream::connect(address).await.expect("the node accepts connections");
        tcp.write_all(request.as_bytes()).await.expect("the connection stands");
        Self::read(tcp).await
    }

    /// Asks with more headers.
    pub async fn ask_with(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let mut tcp = TcpStream::connect(address).await.expect("the node accepts connections");
        let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             {more}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        tcp.write_all(request.as_bytes()).await.expect("the connection stands");
        Self::read(tcp).await
    }

    async fn read(mut tcp: TcpStream) -> Self {
        let mut response = String::new();
        tokio::time::timeout(HANG, tcp.read_to_string(&mut response)).await.expect("an answer").expect("text");
        let (head, body) = response.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }
}
