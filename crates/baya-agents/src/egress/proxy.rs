//! A loopback proxy that lets commands out to listed hosts: `CONNECT`, and plain requests of http.
//!
//! Each agent has a pass, which stands in the proxy's address in the environment of its commands; what is
//! refused is told to that agent. A tunnel's content is not looked at.

use super::{Denied, Egress};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::rand::{GetRandomFlags, getrandom};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

const HEAD_BYTES_MAX: usize = 32 * 1024;
const HEAD: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(10);
const CONNECTIONS_MAX: usize = 256;
/// Refusals that are kept until the agent is told.
const REFUSED_MAX: usize = 20;

/// The proxy of one process of ours. Dropped, it lets nobody through any more.
pub struct Proxy {
    port: u16,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    egress: Egress,
    /// By the header that shows them.
    passes: Mutex<BTreeMap<String, Weak<Pass>>>,
}

/// One agent's right to the proxy; ends with its last owner.
pub struct Pass {
    token: String,
    port: u16,
    refused: Mutex<Vec<String>>,
}

impl Proxy {
    pub async fn start(egress: Egress) -> std::io::Result<Arc<Proxy>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(State { egress, passes: Mutex::default() });
        let task = tokio::spawn(accept(listener, state.clone()));
        Ok(Arc::new(Proxy { port, state, task }))
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn pass(&self) -> std::io::Result<Arc<Pass>> {
        let mut random = [0; 16];
        getrandom(&mut random, GetRandomFlags::empty())?;
        let token = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let pass = Arc::new(Pass { token, port: self.port, refused: Mutex::default() });
        let mut passes = lock(&self.state.passes);
        passes.retain(|_, pass| pass.strong_count() > 0);
        passes.insert(pass.header(), Arc::downgrade(&pass));
        Ok(pass)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Pass {
    /// What programs look for to find their proxy.
    pub fn environment(&self) -> impl Iterator<Item = (String, String)> {
        let address = format!("http://baya:{}@127.0.0.1:{}", self.token, self.port);
        let names = ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"];
        names.into_iter().map(move |name| (name.to_owned(), address.clone()))
    }

    /// What was refused since the last time, a sentence each.
    pub fn take_refused(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.refused))
    }

    fn header(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("baya:{}", self.token)))
    }

    fn refuse(&self, denied: &Denied) {
        let mut refused = lock(&self.refused);
        let sentence = denied.to_string();
        if refused.len() < REFUSED_MAX && !refused.contains(&sentence) {
            refused.push(sentence);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // Ends the connections with the proxy.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let state = state.clone();
                connections.spawn(async move {
                    // A client that goes away in the middle is no matter.
                    let _ = serve(stream, &state).await;
                    drop(place);
                });
            }
            // Out of descriptors, most likely: others end meanwhile.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn serve(mut client: TcpStream, state: &State) -> std::io::Result<()> {
    let (head, rest) = match tokio::time::timeout(HEAD, read_head(&mut client)).await {
        Ok(Ok(Some(read))) => read,
        Ok(Ok(None)) => {
            return answer(&mut client, "431 Request Header Fields Too Large", "", "too long").await;
        }
        Ok(Err(error)) => return Err(error),
        Err(_) => return Ok(()),
    };
    let Some(request) = Request::read(&head) else {
        return answer(&mut client, "400 Bad Request", "", "this is no request to a proxy").await;
    };
    let shown =
        request.pass.as_ref().and_then(|shown| lock(&state.passes).get(shown).and_then(Weak::upgrade));
    let Some(pass) = shown else {
        let ask = "Proxy-Authenticate: Basic realm=\"baya\"\r\n";
        return answer(&mut client, "407 Proxy Authentication Required", ask, "no pass is shown").await;
    };
    let addresses = match state.egress.addresses(&request.host, request.port).await {
        Ok(addresses) => addresses,
        Err(denied) => {
            pass.refuse(&denied);
            return answer(&mut client, "403 Forbidden", "", &denied.to_string()).await;
        }
    };
    let connected = tokio::time::timeout(CONNECT, TcpStream::connect(addresses.as_slice())).await;
    let mut server = match connected {
        Ok(Ok(server)) => server,
        Ok(Err(error)) => return answer(&mut client, "502 Bad Gateway", "", &error.to_string()).await,
        Err(_) => return answer(&mut client, "504 Gateway Timeout", "", "no connection in time").await,
    };
    match request.forwarded {
        Some(forwarded) => server.write_all(forwarded.as_bytes()).await?,
        None => client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?,
    }
    server.write_all(&rest).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// The head of a request, and what has come after it; none if it is too long.
async fn read_head(client: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = client.read(&mut buffer).await?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&buffer[..count]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok(Some((String::from_utf8_lossy(&bytes).into_owned(), rest)));
        }
        if bytes.len() > HEAD_BYTES_MAX {
            return Ok(None);
        }
    }
}

/// What is asked for, and with which pass.
struct Request {
    host: String,
    port: u16,
    pass: Option<String>,
    /// The head as the server is to see it; none for a tunnel.
    forwarded: Option<String>,
}

impl Request {
    fn read(head: &str) -> Option<Request> {
        let mut lines = head.trim_end().split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let headers: Vec<&str> = lines.collect();
        let value = |name: &str| {
            let named =
                |line: &&str| line.split_once(':').is_some_and(|(known, _)| known.eq_ignore_ascii_case(name));
            headers
                .iter()
                .find(|line| named(line))
                .and_then(|line| line.split_once(':'))
                .map(|(_, value)| value.trim())
        };
        let pass = value("Proxy-Authorization").map(str::to_owned);
        if method == "CONNECT" {
            let (host, port) = target.rsplit_once(':')?;
            return Some(Request { host: host.to_owned(), port: port.parse().ok()?, pass, forwarded: None });
        }
        let url = reqwest::Url::parse(target).ok().filter(|url| url.scheme() == "http")?;
        let (host, port) = (url.host_str()?.to_owned(), url.port_or_known_default()?);
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let own = |line: &&&str| {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            !name.starts_with("proxy-") && name != "connection" && name != "host"
        };
        let kept: String = headers.iter().filter(own).map(|line| format!("{line}\r\n")).collect();
        let named = if port == 80 { host.clone() } else { format!("{host}:{port}") };
        // One request for one connection: the next may be for another host.
        let forwarded = format!(
            "{method} {}{query} {version}\r\nHost: {named}\r\nConnection: close\r\n{kept}\r\n",
            url.path()
        );
        Some(Request { host, port, pass, forwarded: Some(forwarded) })
    }
}

async fn answer(client: &mut TcpStream, status: &str, header: &str, why: &str) -> std::io::Result<()> {
    let body = format!("baya: {why}\n");
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\n{header}Content-Type: text/plain\r\nContent-Length: {length}\r\n\
        Connection: close\r\n\r\n{body}"
    );
    client.write_all(text.as_bytes()).await?;
    client.shutdown().await
}
