//! The socket of one connection, with the bounds that hold whatever is spoken over it.
//!
//! - It can be closed from this side, whichever task reads and writes it: to its reader it looks as if the peer had
//!   closed. What is being written may still leave, if it leaves at once.
//! - A peer that reads nothing while bytes wait for it is closed after `write_wait_max`.
//! - An anonymous peer is not read while it does not read itself, and while anonymous clients have used up their share
//!   of the processor; one that sends too much without a request is closed.

use super::{slots::Slot, traffic::Reading};
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Each direction waits by itself, because each may be polled by another task.
type Closed = Pin<Box<WaitForCancellationFutureOwned>>;
type Timer = Pin<Box<Sleep>>;

/// How long a peer may leave bytes unread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WriteWaits {
    /// A caller with a key.
    pub keyed: Duration,
    /// An anonymous client.
    pub anonymous: Duration,
}

/// A socket, and what closes it.
pub struct Socket {
    tcp: TcpStream,
    slot: Arc<Slot>,
    waits: WriteWaits,
    close: CancellationToken,
    reading: Closed,
    writing: Closed,
    /// Ends the wait for a peer that reads nothing.
    unread: Option<Timer>,
    /// Ends the wait for the anonymous clients' share of the processor.
    unpaid: Option<Timer>,
}

impl Socket {
    /// The socket is closed when `close` is cancelled.
    pub fn new(tcp: TcpStream, slot: Arc<Slot>, waits: WriteWaits, close: &CancellationToken) -> Self {
        let closed = || Box::pin(close.clone().cancelled_owned());
        Self {
            tcp,
            slot,
            waits,
            close: close.clone(),
            reading: closed(),
            writing: closed(),
            unread: None,
            unpaid: None,
        }
    }

    /// Whether an anonymous peer may be read now; an error closes the connection.
    fn may_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.slot.traffic.reading(cx.waker()) {
            Reading::Go => {}
            Reading::Wait => return Poll::Pending,
            Reading::TooMuch => {
                tracing::debug!("an anonymous client sent too much without a request and is closed");
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
        }
        if self.slot.traffic.is_new() {
            return Poll::Ready(Ok(()));
        }
        loop {
            if let Some(timer) = &mut self.unpaid {
                ready!(timer.as_mut().poll(cx));
                self.unpaid = None;
            }
            match self.slot.share().wait() {
                None => return Poll::Ready(Ok(())),
                Some(wait) => self.unpaid = Some(Box::pin(tokio::time::sleep(wait))),
            }
        }
    }

    /// What a write gave. A socket that is closed waits for no room, and none waits for ever.
    fn written<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.unread = None;
            self.slot.traffic.set_write_blocked(false);
            return written;
        }
        self.slot.traffic.set_write_blocked(true);
        if self.writing.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let wait = if self.slot.is_keyed() { self.waits.keyed } else { self.waits.anonymous };
        let timer = self.unread.get_or_insert_with(|| Box::pin(tokio::time::sleep(wait)));
        ready!(timer.as_mut().poll(cx));
        // The reader has to end too: it may wait for what the peer will never read.
        self.close.cancel();
        tracing::debug!(wait_s = wait.as_secs(), "a peer that read nothing is closed");
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn count(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            self.slot.traffic.written(*bytes as u64);
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.reading.as_mut().poll(cx).is_ready() {
            // Nothing was read: the end.
            return Poll::Ready(Ok(()));
        }
        if self.slot.is_anonymous() {
            ready!(self.may_read(cx))?;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.tcp).poll_read(cx, buffer))?;
        self.slot.traffic.received((buffer.filled().len() - before) as u64);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(cx, bytes);
        self.count(&written);
        self.written(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A TCP socket holds nothing back, so a flush says nothing of the peer.
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write_vectored(cx, slices);
        self.count(&written);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }
}
