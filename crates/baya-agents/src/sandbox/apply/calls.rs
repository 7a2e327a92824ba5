//! System calls that no command of an agent needs and that lead around the rules for files: refused by
//! seccomp, for good. Sockets too, as far as landlock does not watch them.

use super::super::Sandbox;
use super::super::refused::Refused;
use super::files::Sockets;
use super::process::landlock_version;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, sock_filter,
};
use std::collections::BTreeMap;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

pub(super) fn filter(sandbox: &Sandbox, sockets: Sockets) -> Result<(), Refused> {
    let refused = |error: &dyn std::fmt::Display| Refused::Calls(error.to_string());
    let (forbidden, absent) = rules(sandbox, sockets).map_err(|error| refused(&error))?;
    let filters = [
        program(forbidden, libc::EPERM).map_err(|error| refused(&error))?,
        program(absent, libc::ENOSYS).map_err(|error| refused(&error))?,
        second_numbers(),
    ];
    filters.iter().try_for_each(|filter| seccompiler::apply_filter(filter)).map_err(|error| refused(&error))
}

fn program(rules: Rules, errno: i32) -> Result<BpfProgram, BackendError> {
    let arch = std::env::consts::ARCH.try_into()?;
    let refuse = SeccompAction::Errno(errno as u32);
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?.try_into()
}

/// Of other processes and of the kernel itself: never.
const FORBIDDEN: &[libc::c_long] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
];

/// What programs do without when the kernel is too old for it.
const ABSENT: &[libc::c_long] =
    &[libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];

/// A process in a space of its own has rights in it that it has nowhere else.
const NEW_SPACES: [i32; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];
/// Of `unshare` alone; in `clone` the same bit belongs to a signal.
const NEW_TIME: u64 = 0x80;

/// TIOCSTI and TIOCLINUX.
const TYPING: [u64; 2] = [0x5412, 0x541c];

fn rules(sandbox: &Sandbox, sockets: Sockets) -> Result<(Rules, Rules), BackendError> {
    let mut forbidden: Rules = FORBIDDEN.iter().map(|call| (*call, Vec::new())).collect();
    let mut absent: Rules = ABSENT.iter().map(|call| (*call, Vec::new())).collect();
    let spaces = || NEW_SPACES.map(|flag| when(&[has(0, flag as u64)?]));
    forbidden.insert(libc::SYS_clone, spaces().into_iter().collect::<Result<_, _>>()?);
    let unshare = spaces().into_iter().chain([when(&[has(0, NEW_TIME)?])]);
    forbidden.insert(libc::SYS_unshare, unshare.collect::<Result<_, _>>()?);
    // Typing into the terminal of whoever looks on.
    let typing = TYPING.map(|request| when(&[is(1, request)?]));
    forbidden.insert(libc::SYS_ioctl, typing.into_iter().collect::<Result<_, _>>()?);
    // The limits of another process.
    forbidden.insert(libc::SYS_prlimit64, vec![when(&[is_not(0, 0)?])?]);
    forbid_sockets(&mut forbidden, sandbox, sockets)?;
    if landlock_version() < 3 {
        forbid_truncation(&mut forbidden, &mut absent)?;
    }
    Ok((forbidden, absent))
}

/// Only streams to the port that landlock watches, and local sockets where it watches their paths.
fn forbid_sockets(rules: &mut Rules, sandbox: &Sandbox, sockets: Sockets) -> Result<(), BackendError> {
    let local = u64::from(libc::AF_UNIX.unsigned_abs());
    let inet = [libc::AF_INET, libc::AF_INET6].map(|family| u64::from(family.unsigned_abs()));
    rules.insert(libc::SYS_socketpair, vec![when(&[is_not(0, local)?])?]);
    let mut families = if sockets.local { vec![local] } else { Vec::new() };
    let ports = sandbox.ports().next().is_some() && sockets.ports;
    if ports {
        families.extend(inet);
        // Listening takes a port by itself; data sent before the connection asks no one.
        if sandbox.own_port.is_none() {
            rules.insert(libc::SYS_listen, Vec::new());
        }
        let early = libc::MSG_FASTOPEN as u64;
        rules.insert(libc::SYS_sendto, vec![when(&[has(3, early)?])?]);
        rules.insert(libc::SYS_sendmsg, vec![when(&[has(2, early)?])?]);
        rules.insert(libc::SYS_sendmmsg, vec![when(&[has(3, early)?])?]);
    }
    let mut socket = Vec::new();
    if !families.is_empty() {
        let others = families.iter().map(|family| is_not(0, *family)).collect::<Result<Vec<_>, _>>()?;
        socket.push(when(&others)?);
    }
    for family in inet.into_iter().filter(|_| ports) {
        for kind in (0..16).filter(|kind| *kind != libc::SOCK_STREAM as u64) {
            socket.push(when(&[is(0, family)?, masked(1, 0xf, kind)?])?);
        }
        let tcp = libc::IPPROTO_TCP as u64;
        socket.push(when(&[is(0, family)?, is_not(2, 0)?, is_not(2, tcp)?])?);
    }
    rules.insert(libc::SYS_socket, socket);
    Ok(())
}

/// Landlock watches truncation from its third version on.
fn forbid_truncation(forbidden: &mut Rules, absent: &mut Rules) -> Result<(), BackendError> {
    let (mode, truncating) = ((libc::O_TRUNC | libc::O_ACCMODE) as u64, libc::O_TRUNC as u64);
    forbidden.insert(libc::SYS_truncate, Vec::new());
    forbidden.insert(libc::SYS_openat, vec![when(&[masked(2, mode, truncating)?])?]);
    #[cfg(target_arch = "x86_64")]
    forbidden.insert(libc::SYS_open, vec![when(&[masked(1, mode, truncating)?])?]);
    absent.insert(libc::SYS_openat2, Vec::new());
    Ok(())
}

fn when(conditions: &[SeccompCondition]) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.to_vec())
}

fn is(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn is_not(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)
}

fn has(argument: u8, flag: u64) -> Result<SeccompCondition, BackendError> {
    masked(argument, flag, flag)
}

fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(mask), value)
}

/// x86-64 knows its calls by a second row of numbers, from this one on, which no list above names.
const SECOND_NUMBERS: u32 = 0x4000_0000;

/// Refuses the second row: load the number, compare, answer. No other machine has one.
fn second_numbers() -> BpfProgram {
    const LOAD_NUMBER: u16 = 0x20;
    const JUMP_IF_NOT_BELOW: u16 = 0x35;
    const RETURN: u16 = 0x06;
    let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    vec![
        step(LOAD_NUMBER, 0, 0, 0),
        step(JUMP_IF_NOT_BELOW, 0, 1, SECOND_NUMBERS),
        step(RETURN, 0, 0, u32::from(SeccompAction::Errno(libc::ENOSYS as u32))),
        step(RETURN, 0, 0, u32::from(SeccompAction::Allow)),
    ]
}
