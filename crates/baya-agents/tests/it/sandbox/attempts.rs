//! Ways out, each tried by a process under the real applier: all refused, and all but the privileged open
//! to a process that is not sandboxed, or the row would prove nothing.

use super::{Place, run, said, skip};
use baya_agents::sandbox::{Profile, Sandbox, kernel_offers};
use std::fs::Permissions;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::{Child, Command};

/// What else a row takes.
#[derive(Clone, Copy, PartialEq)]
enum Row {
    /// Open to every process that is not sandboxed.
    Plain,
    /// Not open to everybody or everywhere, sandbox or not.
    Privileged,
    /// As plain; refused only by kernels whose landlock has this version.
    Since(i64),
}

use Row::{Plain, Privileged, Since};

/// Name, what it takes, words of the attempt. `~` is the home, `@` the root of the place, `PID` the process
/// that started all this, `CHILD` a process beside, `PORT` and `UDP` where it listens.
const ATTEMPTS: &[(&str, Row, &str)] = &[
    ("write outside", Plain, "files write ~/new"),
    ("write over a file outside", Plain, "files write ~/other"),
    ("append outside", Plain, "files append ~/other"),
    ("truncate outside", Plain, "files truncate ~/other"),
    ("truncate by opening to read", Plain, "files open-truncating ~/other"),
    ("make a folder outside", Plain, "files make-folder ~/folder"),
    ("remove outside", Plain, "files remove ~/other"),
    ("rename over a file outside", Plain, "files rename ~/work/mine ~/other"),
    ("move a file in from outside", Plain, "files rename ~/other ~/work/other"),
    ("hard link to outside", Plain, "files link ~/work/mine ~/linked"),
    ("hard link of a secret into the folder", Plain, "files link ~/.ssh/id_ed25519 ~/work/key"),
    ("write through a symlink", Plain, "files write-through ~/work/link ~/other"),
    ("read through a symlink", Plain, "files read-through ~/work/link ~/.ssh/id_ed25519"),
    ("write by way of the folder's parent", Plain, "files write ~/work/../other"),
    ("write by way of /proc", Plain, "files write /proc/self/cwd/../other"),
    ("read by way of /proc", Plain, "files read /proc/self/root/~/.ssh/id_ed25519"),
    ("read ~/.ssh", Plain, "files read ~/.ssh/id_ed25519"),
    ("list ~/.ssh", Plain, "files list ~/.ssh"),
    ("read the login of gh", Plain, "files read ~/.config/gh/hosts.yml"),
    ("read our journal", Plain, "files read ~/.local/state/baya/journal.db"),
    ("write our journal", Plain, "files append ~/.local/state/baya/journal.db"),
    ("read another file of the home", Plain, "files read ~/other"),
    ("list the home", Plain, "files list ~"),
    ("read in a foreign temporary folder", Plain, "files read @/foreign"),
    ("run a program from outside", Plain, "files exec ~/program"),
    ("a pipe outside", Plain, "files fifo ~/fifo"),
    ("a device inside", Privileged, "files device ~/work/device"),
    ("write /etc", Privileged, "files write /etc/baya-was-here"),
    ("read /etc/shadow", Privileged, "files read /etc/shadow"),
    ("write a switch of the kernel", Privileged, "files append /proc/sys/kernel/core_pattern"),
    ("a git hook of the checkout", Plain, "files write ~/work/.git/hooks/post-checkout"),
    ("the git config of the checkout", Plain, "files write ~/work/.git/config"),
    ("move the git folder away", Plain, "files rename ~/work/.git ~/work/moved"),
    ("our environment", Plain, "files read /proc/PID/environ"),
    ("our working folder", Plain, "files list /proc/PID/cwd/"),
    ("our open files", Plain, "files follow /proc/PID/fd/0"),
    ("our memory map", Plain, "files read /proc/PID/maps"),
    ("our memory", Privileged, "process memory PID"),
    ("our memory by a call", Plain, "process read-memory PID"),
    ("trace a process beside", Privileged, "process ptrace CHILD"),
    ("take a file of ours", Privileged, "process pidfd-getfd CHILD"),
    ("a signal to us", Since(6), "process signal PID"),
    ("a signal by descriptor", Since(6), "process pidfd-signal PID"),
    ("kill a process beside", Since(6), "process kill CHILD"),
    ("limits of another process", Plain, "process limit CHILD"),
    ("a secret of our environment", Plain, "variable BAYA_TEST_SECRET"),
    ("tcp to this machine", Plain, "network tcp 127.0.0.1:PORT"),
    ("tcp with the first data", Privileged, "network early-data 127.0.0.1:PORT"),
    ("listen on tcp", Plain, "network listen 127.0.0.1:0"),
    ("udp", Plain, "network udp 127.0.0.1:UDP"),
    ("look a name up", Privileged, "network dns baya.invalid"),
    ("a local socket outside", Plain, "network local @/socket"),
    ("a local datagram outside", Privileged, "network local-datagram @/socket"),
    ("an abstract socket", Plain, "network abstract NAME"),
    ("a tcp socket of version 6", Privileged, "network family 10 1 0"),
    ("a raw socket", Privileged, "network family 2 3 1"),
    ("a multipath socket", Privileged, "network family 2 1 262"),
    ("a netlink socket", Plain, "network family 16 3 0"),
    ("a packet socket", Privileged, "network family 17 3 0"),
    ("a bluetooth socket", Privileged, "network family 31 3 1"),
    ("a crypto socket", Privileged, "network family 38 5 0"),
    ("a vsock", Privileged, "network family 40 1 0"),
    ("io_uring", Privileged, "kernel io_uring"),
    ("bpf", Privileged, "kernel bpf"),
    ("keys of the kernel", Privileged, "kernel keyctl"),
    ("add a key", Privileged, "kernel add_key"),
    ("userfaultfd", Privileged, "kernel userfaultfd"),
    ("performance counters", Privileged, "kernel perf"),
    ("open by handle", Privileged, "kernel handle"),
    ("mount", Privileged, "kernel mount"),
    ("open a tree of mounts", Privileged, "kernel open_tree"),
    ("open a file system", Privileged, "kernel fsopen"),
    ("pivot_root", Privileged, "kernel pivot_root"),
    ("chroot", Privileged, "kernel chroot"),
    ("join a namespace", Privileged, "kernel setns"),
    ("clone3", Plain, "kernel clone3"),
    ("a user namespace", Privileged, "kernel unshare 268435456"),
    ("a mount namespace", Privileged, "kernel unshare 131072"),
    ("a network namespace", Privileged, "kernel unshare 1073741824"),
    ("a user namespace by clone", Privileged, "kernel clone-user"),
    ("load a module", Privileged, "kernel module"),
    ("load a kernel", Privileged, "kernel kexec"),
    ("the second row of numbers", Privileged, "kernel second-numbers"),
    ("type into the terminal", Privileged, "kernel type"),
    ("gain privileges", Plain, "kernel privileges"),
];

/// Everything that attempts aim at.
struct Target {
    place: Place,
    child: Child,
    tcp: TcpListener,
    udp: UdpSocket,
    name: String,
    _local: (UnixListener, UnixListener),
}

impl Target {
    fn new() -> Target {
        let place = Place::new();
        for folder in ["home/work/.git/hooks", "home/work/.git/objects"] {
            std::fs::create_dir_all(place.path(folder)).unwrap();
        }
        for file in ["home/work/mine", "home/work/.git/HEAD", "home/work/.git/config", "foreign"] {
            std::fs::write(place.path(file), "x").unwrap();
        }
        std::fs::write(
            place.path("home/program"),
            "#!/bin/sh
",
        )
        .unwrap();
        std::fs::set_permissions(place.path("home/program"), Permissions::from_mode(0o755)).unwrap();
        let name = place.path("").display().to_string();
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        Target {
            child: Command::new("sleep").arg("600").spawn().unwrap(),
            tcp: TcpListener::bind("127.0.0.1:0").unwrap(),
            udp: UdpSocket::bind("127.0.0.1:0").unwrap(),
            _local: (
                UnixListener::bind(place.path("socket")).unwrap(),
                UnixListener::bind_addr(&address).unwrap(),
            ),
            name,
            place,
        }
    }

    fn fill(&self, word: &str) -> String {
        let port = |address: std::io::Result<std::net::SocketAddr>| address.unwrap().port().to_string();
        let home = self.place.path("home").display().to_string();
        word.replace("/~", &home)
            .replace('~', &home)
            .replace('@', &self.place.path("").display().to_string())
            .replace("PID", &std::process::id().to_string())
            .replace("CHILD", &self.child.id().to_string())
            .replace("PORT", &port(self.tcp.local_addr()))
            .replace("UDP", &port(self.udp.local_addr()))
            .replace("NAME", &self.name)
    }

    /// The exit status of an attempt: 0 open, 1 refused.
    async fn attempt(&self, sandbox: &Sandbox, words: &str) -> (Option<i32>, String) {
        let words: Vec<String> = words.split(' ').map(|word| self.fill(word)).collect();
        let mut argv = vec![env!("CARGO_BIN_EXE_sandbox"), "attempt"];
        argv.extend(words.iter().map(String::as_str));
        let output = run(sandbox, &self.place.folder(), &argv).await;
        (output.status.code(), said(&output))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn every_attempt_is_refused() {
    let mut refused = 0;
    for (name, row, words) in ATTEMPTS {
        if let Since(version) = row
            && kernel_offers() < *version
        {
            skip(
                name,
                &format!("this kernel's landlock has version {}, {version} is needed", kernel_offers()),
            );
            continue;
        }
        type Policy = fn(&Place) -> Sandbox;
        let policies: [(&str, Policy); 3] = [
            ("workspace", |place| place.sandbox(Profile::Workspace)),
            ("read-only", |place| place.sandbox(Profile::ReadOnly)),
            ("quarantine", |place| {
                let (program, mut sandbox) = (env!("CARGO_BIN_EXE_sandbox"), place.sandbox(Profile::Full));
                sandbox = sandbox.quarantined();
                sandbox.let_read(&[program.into()]);
                sandbox
            }),
        ];
        for (profile, policy) in policies {
            let target = Target::new();
            let (status, said) = target.attempt(&policy(&target.place), words).await;
            assert_eq!(status, Some(1), "{name}, {profile}: {said}");
        }
        refused += 1;
    }
    assert!(refused >= 40, "only {refused}");
}

#[tokio::test]
async fn every_attempt_is_open_without_a_sandbox() {
    for (name, _, words) in ATTEMPTS.iter().filter(|(_, row, _)| *row != Privileged) {
        let target = Target::new();
        let mut sandbox = target.place.sandbox(Profile::Full);
        sandbox.environment.insert("BAYA_TEST_SECRET".to_owned(), "x".to_owned());
        let (status, said) = target.attempt(&sandbox, words).await;
        assert_eq!(status, Some(0), "{name}: {said}");
    }
}

#[tokio::test]
async fn of_all_ports_only_the_named_one_is_open() {
    if kernel_offers() < 4 {
        return skip("one port", "this kernel's landlock does not watch ports");
    }
    let target = Target::new();
    let named = Some(target.tcp.local_addr().unwrap().port());
    let mut gateway = target.place.sandbox(Profile::Workspace);
    gateway.port = named;
    let mut proxy = target.place.sandbox(Profile::Workspace);
    proxy.proxy = named;
    let other = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (words, open) in [
        ("network tcp 127.0.0.1:PORT".to_owned(), true),
        (format!("network tcp {other}"), false),
        ("network early-data 127.0.0.1:PORT".to_owned(), false),
        ("network listen 127.0.0.1:0".to_owned(), false),
        ("network udp 127.0.0.1:UDP".to_owned(), false),
        ("network family 2 1 262".to_owned(), false),
        ("network family 2 3 1".to_owned(), false),
        ("network family 16 3 0".to_owned(), false),
        ("network local @/socket".to_owned(), false),
    ] {
        for sandbox in [&gateway, &proxy] {
            let (status, said) = target.attempt(sandbox, &words).await;
            assert_eq!(status, Some(if open { 0 } else { 1 }), "{words}: {said}");
        }
    }
}

#[tokio::test]
async fn a_port_of_its_own_is_served_and_asked_and_no_other() {
    if kernel_offers() < 4 {
        return skip("own port", "this kernel's landlock does not watch ports");
    }
    let target = Target::new();
    let mut sandbox = target.place.sandbox(Profile::Workspace);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    sandbox.own_port = Some(free.port());
    for (words, open) in [
        (format!("network serve {free}"), true),
        ("network listen 127.0.0.1:0".to_owned(), false),
        ("network tcp 127.0.0.1:PORT".to_owned(), false),
        ("network udp 127.0.0.1:UDP".to_owned(), false),
    ] {
        let (status, said) = target.attempt(&sandbox, &words).await;
        assert_eq!(status, Some(if open { 0 } else { 1 }), "{words}: {said}");
    }
    sandbox.own_port = None;
    let (status, said) = target.attempt(&sandbox, &format!("network serve {free}")).await;
    assert_eq!(status, Some(1), "without a port of its own: {said}");
}
