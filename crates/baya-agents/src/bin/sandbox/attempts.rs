//! Ways out of a sandbox, each tried once: the process ends with 0 if the way is open, 1 if it is refused.
//!
//! Unsafe, because most are system calls that no library makes; none gets a pointer that matters.
#![allow(unsafe_code)]

use std::fs::{self, OpenOptions};
use std::io::{Error, Result};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::{FileExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::ExitCode;
use std::ptr::null;

/// The name of an attempt, then its arguments.
pub fn attempt(words: &[String]) -> ExitCode {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let tried = match words.as_slice() {
        ["files", rest @ ..] => files(rest),
        ["network", rest @ ..] => network(rest),
        ["process", rest @ ..] => process(rest),
        ["kernel", rest @ ..] => kernel(rest),
        ["variable", name] => std::env::var(name).map(drop).map_err(Error::other),
        _ => return ExitCode::from(2),
    };
    match tried {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            // `unknown` must not pass for refused.
            ExitCode::from(
                if error.kind() == std::io::ErrorKind::Unsupported && error.raw_os_error().is_none() {
                    2
                } else {
                    1
                },
            )
        }
    }
}

fn unknown() -> Result<()> {
    Err(Error::new(std::io::ErrorKind::Unsupported, "no such attempt"))
}

fn files(words: &[&str]) -> Result<()> {
    match words {
        ["read", path] => fs::read(path).map(drop),
        ["follow", path] => fs::read_link(path).map(drop),
        ["list", path] => fs::read_dir(path).map(drop),
        ["write", path] => fs::write(path, "x"),
        ["append", path] => OpenOptions::new().append(true).open(path).map(drop),
        ["truncate", path] => {
            let path = std::ffi::CString::new(*path)?;
            // SAFETY: the path is valid for the length of the call.
            done(i64::from(unsafe { libc::truncate(path.as_ptr(), 0) }))
        }
        ["open-truncating", path] => {
            let path = std::ffi::CString::new(*path)?;
            // SAFETY: as above.
            done(i64::from(unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_TRUNC) }))
        }
        ["make-folder", path] => fs::create_dir(path),
        ["remove", path] => fs::remove_file(path),
        ["rename", from, to] => fs::rename(from, to),
        ["link", from, to] => fs::hard_link(from, to),
        ["write-through", link, target] => symlink(target, link).and_then(|()| fs::write(link, "x")),
        ["read-through", link, target] => symlink(target, link).and_then(|()| fs::read(link).map(drop)),
        ["fifo", path] => node(path, libc::S_IFIFO),
        ["device", path] => node(path, libc::S_IFBLK),
        ["exec", path] => std::process::Command::new(path).status().map(drop),
        _ => unknown(),
    }
}

fn node(path: &str, kind: libc::mode_t) -> Result<()> {
    let path = std::ffi::CString::new(path)?;
    // SAFETY: the path is valid for the length of the call.
    done(i64::from(unsafe { libc::mknod(path.as_ptr(), kind | 0o600, libc::makedev(7, 0)) }))
}

fn network(words: &[&str]) -> Result<()> {
    match words {
        ["tcp", address] => TcpStream::connect(parsed(address)?).map(drop),
        ["listen", address] => TcpListener::bind(parsed(address)?).map(drop),
        ["serve", address] => {
            let address = parsed(address)?;
            let listener = TcpListener::bind(address)?;
            TcpStream::connect(address)?;
            listener.accept().map(drop)
        }
        ["udp", address] => UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", parsed(address)?).map(drop),
        ["dns", name] => std::net::ToSocketAddrs::to_socket_addrs(&(*name, 80)).map(drop),
        ["early-data", address] => early_data(parsed(address)?),
        ["local", path] => UnixStream::connect(path).map(drop),
        ["local-listen", path] => UnixListener::bind(path).map(drop),
        ["local-datagram", path] => UnixDatagram::unbound()?.send_to(b"x", path).map(drop),
        ["abstract", name] => {
            use std::os::linux::net::SocketAddrExt;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            UnixStream::connect_addr(&address).map(drop)
        }
        ["family", number, kind, protocol] => {
            let [family, kind, protocol] = [number, kind, protocol].map(|word| word.parse().unwrap_or(-1));
            // SAFETY: no pointers.
            done(i64::from(unsafe { libc::socket(family, kind, protocol) }))
        }
        _ => unknown(),
    }
}

fn parsed(address: &str) -> Result<SocketAddr> {
    address.parse().map_err(Error::other)
}

/// Connects by sending, which is another road through the kernel.
fn early_data(address: SocketAddr) -> Result<()> {
    let SocketAddr::V4(v4) = address else { return unknown() };
    let to = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: v4.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*v4.ip()).to_be() },
        sin_zero: [0; 8],
    };
    // SAFETY: address and data are valid for the length of the calls.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0);
        done(i64::from(socket))?;
        let length = size_of_val(&to) as libc::socklen_t;
        let to = (&raw const to).cast();
        done(libc::sendto(socket, [120_u8].as_ptr().cast(), 1, libc::MSG_FASTOPEN, to, length) as i64)
    }
}

fn process(words: &[&str]) -> Result<()> {
    let pid = |word: &str| word.parse::<i32>().map_err(Error::other);
    match words {
        // SAFETY: no pointers, in all of these.
        ["signal", other] => done(i64::from(unsafe { libc::kill(pid(other)?, libc::SIGCONT) })),
        ["kill", other] => done(i64::from(unsafe { libc::kill(pid(other)?, libc::SIGKILL) })),
        ["pidfd-signal", other] => {
            let file = call(libc::SYS_pidfd_open, [i64::from(pid(other)?), 0, 0, 0])?;
            call(libc::SYS_pidfd_send_signal, [file, i64::from(libc::SIGCONT), 0, 0]).map(drop)
        }
        ["pidfd-getfd", other] => {
            let file = call(libc::SYS_pidfd_open, [i64::from(pid(other)?), 0, 0, 0])?;
            call(libc::SYS_pidfd_getfd, [file, 1, 0, 0]).map(drop)
        }
        ["ptrace", other] => {
            call(libc::SYS_ptrace, [i64::from(libc::PTRACE_SEIZE), i64::from(pid(other)?), 0, 0]).map(drop)
        }
        ["memory", other] => {
            let path = format!("/proc/{other}/mem");
            OpenOptions::new().read(true).open(path)?.read_at(&mut [0], 0x1000).map(drop)
        }
        ["read-memory", other] => {
            // Nothing is read with no buffers, but it has to be allowed.
            call(libc::SYS_process_vm_readv, [i64::from(pid(other)?), 0, 0, 0]).map(drop)
        }
        ["limit", other] => {
            let limit = libc::rlimit64 { rlim_cur: 0, rlim_max: libc::RLIM64_INFINITY };
            let core = i64::from(libc::RLIMIT_CORE);
            call(libc::SYS_prlimit64, [i64::from(pid(other)?), core, (&raw const limit) as i64, 0]).map(drop)
        }
        _ => unknown(),
    }
}

/// Calls that need a right argument to succeed are tried with one; for the others a complaint about the
/// arguments shows that they were looked at, which is too much.
fn kernel(words: &[&str]) -> Result<()> {
    let zero = [0; 4];
    let looked_at = |number, arguments| match call(number, arguments) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS)) => Err(error),
        _ => Ok(()),
    };
    match words {
        ["io_uring"] => looked_at(libc::SYS_io_uring_setup, zero),
        ["bpf"] => looked_at(libc::SYS_bpf, [-1, 0, 0, 0]),
        ["keyctl"] => looked_at(libc::SYS_keyctl, [0, -3, 0, 0]),
        ["add_key"] => looked_at(libc::SYS_add_key, zero),
        ["userfaultfd"] => looked_at(libc::SYS_userfaultfd, zero),
        ["perf"] => looked_at(libc::SYS_perf_event_open, zero),
        ["handle"] => looked_at(libc::SYS_open_by_handle_at, [-1, 0, 0, 0]),
        ["mount"] => looked_at(libc::SYS_mount, zero),
        ["open_tree"] => looked_at(libc::SYS_open_tree, [-1, 0, 0, 0]),
        ["fsopen"] => looked_at(libc::SYS_fsopen, zero),
        ["pivot_root"] => looked_at(libc::SYS_pivot_root, zero),
        ["chroot"] => looked_at(libc::SYS_chroot, zero),
        ["setns"] => looked_at(libc::SYS_setns, [-1, 0, 0, 0]),
        ["clone3"] => looked_at(libc::SYS_clone3, zero),
        ["unshare", flags] => {
            let flags = flags.parse().unwrap_or(0);
            call(libc::SYS_unshare, [flags, 0, 0, 0]).map(drop)
        }
        ["clone-user"] => {
            let flags = i64::from(libc::CLONE_NEWUSER | libc::CLONE_FS);
            // Contradictory flags: nothing is ever started, but an open way complains about them.
            looked_at(libc::SYS_clone, [flags, 0, 0, 0])
        }
        ["module"] => looked_at(libc::SYS_finit_module, [-1, 0, 0, 0]),
        ["kexec"] => looked_at(libc::SYS_kexec_load, [0, 17, 0, 1]),
        ["second-numbers"] => looked_at(0x4000_0000 + libc::SYS_getpid, zero),
        ["type"] => looked_at(libc::SYS_ioctl, [0, libc::TIOCSTI as i64, null::<u8>() as i64, 0]),
        ["privileges"] => match fs::read_to_string("/proc/self/status")?.contains("NoNewPrivs:\t1") {
            true => Err(Error::from_raw_os_error(libc::EPERM)),
            false => Ok(()),
        },
        _ => unknown(),
    }
}

fn call(number: libc::c_long, [a, b, c, d]: [i64; 4]) -> Result<i64> {
    // SAFETY: pointers among the arguments are null or valid for the length of the call.
    let answer = unsafe { libc::syscall(number, a, b, c, d, 0_i64, 0_i64) };
    done(answer).map(|()| answer)
}

fn done(answer: i64) -> Result<()> {
    if answer < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}
