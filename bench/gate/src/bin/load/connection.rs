//! One kept-alive connection: bytes of requests in, bytes of answers out, over TLS, never waiting. It knows HTTP/1.1 as
//! far as a server with answers of known length speaks it, and nothing of reviews.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

/// Reasons and warnings fill some kilobytes; what is longer is no answer of a gate.
const LONGEST_ANSWER: usize = 1 << 20;

pub struct Connection {
    socket: TcpStream,
    tls: ClientConnection,
    received: Vec<u8>,
}

pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
    /// The server will take no other request on this connection.
    pub last: bool,
}

struct Head {
    status: u16,
    length: usize,
    body: usize,
    last: bool,
}

impl Connection {
    pub fn open(
        address: SocketAddr,
        name: &ServerName<'static>,
        config: &Arc<ClientConfig>,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let mut socket = TcpStream::connect(address)?;
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        let mut tls = ClientConnection::new(Arc::clone(config), name.clone()).map_err(io::Error::other)?;
        // A request is taken whole, however long: what bounds it is the file that it came from.
        tls.set_buffer_limit(None);
        Ok(Self { socket, tls, received: Vec::new() })
    }

    /// Goes on with the handshake; true once requests may be sent.
    pub fn handshake(&mut self) -> io::Result<bool> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.peer_addr() {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(false),
            other => other?,
        };
        self.flush()?;
        while self.read()? {}
        self.flush()?;
        if !self.tls.is_handshaking() {
            // Bodies go out in one write; without this the last segment of each would wait for the server's word.
            self.socket.set_nodelay(true)?;
        }
        Ok(!self.tls.is_handshaking())
    }

    pub fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.tls.writer().write_all(request)?;
        self.flush()
    }

    /// Writes what is left of a request and reads; gives the answer to `take` once it is whole.
    pub fn answer<T>(&mut self, ended: bool, take: impl FnOnce(Answer) -> T) -> io::Result<Option<T>> {
        self.flush()?;
        loop {
            let more = self.read()?;
            if let Some(head) = head(&self.received)? {
                let end = head.body + head.length;
                if self.received.len() >= end {
                    // Events tell of changes alone, so bytes left in the socket would go unseen. There are none: an
                    // answer is the last that a server writes, unless it also ends the connection.
                    let last = head.last || ended;
                    let taken = take(Answer { status: head.status, body: &self.received[head.body..end], last });
                    self.received.drain(..end);
                    return Ok(Some(taken));
                }
            }
            if !more {
                return Ok(None);
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads once; false when there is nothing more for now.
    fn read(&mut self) -> io::Result<bool> {
        match self.tls.read_tls(&mut self.socket) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server ended the connection")),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(error),
        }
        let state = self.tls.process_new_packets().map_err(io::Error::other)?;
        let (at, plain) = (self.received.len(), state.plaintext_bytes_to_read());
        if at + plain > LONGEST_ANSWER {
            return Err(io::Error::other("an answer of more than 1 MiB"));
        }
        if plain > 0 {
            self.received.resize(at + plain, 0);
            self.tls.reader().read_exact(&mut self.received[at..])?;
        }
        Ok(true)
    }
}

fn head(bytes: &[u8]) -> io::Result<Option<Head>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(body) = response.parse(bytes).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let value = |name: &str| {
        response
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .and_then(|header| str::from_utf8(header.value).ok())
    };
    let Some(length) = value("content-length").and_then(|text| text.trim().parse().ok()) else {
        return Err(io::Error::other("an answer without Content-Length"));
    };
    if length > LONGEST_ANSWER {
        return Err(io::Error::other("an answer of more than 1 MiB"));
    }
    let last = value("connection").is_some_and(|text| text.eq_ignore_ascii_case("close"));
    Ok(Some(Head { status: response.code.unwrap_or(0), length, body, last }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let bytes = b"HTTP/1.1 503 Busy\r\ncontent-length: 2\r\nConnection: close\r\n\r\nno";
        assert!(head(&bytes[..20]).unwrap().is_none());
        let head = head(bytes).unwrap().unwrap();
        assert_eq!((head.status, head.length, head.last, &bytes[head.body..]), (503, 2, true, &b"no"[..]));
    }

    #[test]
    fn what_is_no_http_or_has_no_length_is_an_error() {
        assert!(head(b"SSH-2.0-x\r\n\r\n").is_err());
        assert!(head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(head(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n").is_err());
    }
}
