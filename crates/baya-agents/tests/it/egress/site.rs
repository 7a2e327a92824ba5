//! A site on loopback that answers each path in its way, and counts what it was asked.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub struct Site {
    pub port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

type Answers = fn(&str, u16) -> (&'static str, String);

impl Site {
    /// `answers` gives status with headers, and body, for the first line of a request.
    pub fn of(answers: Answers) -> Site {
        let listener = TcpListener::bind("127.0.0.9:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let noted = noted.clone();
                std::thread::spawn(move || serve(stream, port, answers, &noted));
            }
        });
        Site { port, asked }
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, port: u16, answers: Answers, asked: &Mutex<Vec<String>>) {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let Some(first) = head.first() else { return };
    asked.lock().unwrap().push(head.join("\n"));
    let (head, body) = answers(first, port);
    let length = body.len();
    let text = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    // Whoever has read enough may have gone.
    let _ = stream.write_all(text.as_bytes());
}
