//! A server that answers each request with the next reply of a script and keeps what it was asked.

use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub struct Server {
    pub address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    script: VecDeque<Reply>,
    requests: Vec<Request>,
    connections: usize,
}

#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    /// Lower case, as they came.
    pub head: String,
    pub body: Value,
}

#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Bytes(Vec<u8>),
    Pause(Duration),
    /// The connection ends in the middle of the body.
    Cut,
}

impl Reply {
    /// A whole event stream.
    pub fn stream(body: impl Into<String>) -> Reply {
        Reply::with(200, body).header("content-type", "text/event-stream")
    }

    pub fn with(status: u16, body: impl Into<String>) -> Reply {
        Reply { status, headers: Vec::new(), parts: vec![Part::Bytes(body.into().into_bytes())] }
    }

    pub fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn then_cut(mut self) -> Reply {
        self.parts.push(Part::Cut);
        self
    }

    pub fn then_pause(mut self, ms: u64) -> Reply {
        self.parts.push(Part::Pause(Duration::from_millis(ms)));
        self
    }

    /// Every so many bytes on their own, with a pause between them.
    pub fn slowly(mut self, bytes: usize, pause_ms: u64) -> Reply {
        let pause = Part::Pause(Duration::from_millis(pause_ms));
        let split = |part: Part| match part {
            Part::Bytes(all) => {
                all.chunks(bytes).flat_map(|chunk| [Part::Bytes(chunk.to_vec()), pause.clone()]).collect()
            }
            other => vec![other],
        };
        self.parts = self.parts.into_iter().flat_map(split).collect();
        self
    }
}

impl Server {
    pub async fn start(script: impl IntoIterator<Item = Reply>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State { script: script.into_iter().collect(), ..State::default() }));
        let served = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                served.lock().unwrap().connections += 1;
                tokio::spawn(serve(stream, served.clone()));
            }
        });
        Server { address, state }
    }

    /// An address where nothing listens.
    pub async fn address_of_nobody() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }

    pub fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.clone()
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) -> Option<()> {
    loop {
        let request = read(&mut stream).await?;
        let reply = {
            let mut state = state.lock().unwrap();
            state.requests.push(request);
            state.script.pop_front().unwrap_or_else(|| Reply::with(418, "the script is over"))
        };
        write(&mut stream, reply).await?;
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let path = head.split(' ').nth(1)?.to_owned();
    let head = head.to_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok()).unwrap_or(0);
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = serde_json::from_slice(&bytes[end..]).unwrap_or(Value::Null);
    Some(Request { path, head, body })
}

/// Chunked, so that a cut is one and not an end; in one piece where nothing pauses.
async fn write(stream: &mut TcpStream, reply: Reply) -> Option<()> {
    let headers: String = reply.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("HTTP/1.1 {} Scripted\r\n{headers}transfer-encoding: chunked\r\n\r\n", reply.status);
    let mut out = head.into_bytes();
    for part in reply.parts {
        match part {
            Part::Bytes(bytes) if bytes.is_empty() => {}
            Part::Bytes(bytes) => {
                out.extend(format!("{:x}\r\n", bytes.len()).as_bytes());
                out.extend(&bytes);
                out.extend(b"\r\n");
            }
            Part::Pause(pause) => {
                stream.write_all(&std::mem::take(&mut out)).await.ok()?;
                tokio::time::sleep(pause).await;
            }
            Part::Cut => {
                stream.write_all(&out).await.ok()?;
                return None;
            }
        }
    }
    out.extend(b"0\r\n\r\n");
    stream.write_all(&out).await.ok()
}
