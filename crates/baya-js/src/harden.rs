//! Closes a process off: after [`close_off`] it can compute, use the pipes it has, and end.
//!
//! On Linux: no new privileges, landlock (no file, no port) where the kernel has it, and a seccomp filter
//! that lets only harmless calls pass, which must hold or nothing is evaluated. Elsewhere only resource
//! limits.

use std::io;

/// Why a process is not closed off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HardenError {
    #[error("cannot set the resource limits: {0}")]
    Limits(#[source] io::Error),
    #[cfg(target_os = "linux")]
    #[error("cannot build the seccomp filter: {0}")]
    Filter(#[from] seccompiler::BackendError),
    #[cfg(target_os = "linux")]
    #[error("the kernel refuses the seccomp filter: {0}")]
    Seccomp(#[from] seccompiler::Error),
}

/// Before any other thread exists: what threads inherit.
pub(crate) fn prepare() -> Result<(), HardenError> {
    crate::os::fix_time_zone();
    crate::os::close_inherited_files();
    crate::os::limit_resources().map_err(HardenError::Limits)?;
    #[cfg(target_os = "linux")]
    linux::deny_files();
    Ok(())
}

/// Once all threads exist and before the first line is read: holds for all of them.
pub(crate) fn close_off() -> Result<(), HardenError> {
    #[cfg(target_os = "linux")]
    linux::filter_system_calls()?;
    Ok(())
}

#[cfg(target_os = "linux")]
mod linux {
    use super::HardenError;
    use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, Scope};
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule,
    };
    use std::collections::BTreeMap;

    /// No file may be opened, no port used. An older kernel has none of it; the filter holds alone then.
    pub(super) fn deny_files() {
        let rules = Ruleset::default()
            .handle_access(AccessFs::from_all(ABI::V5))
            .and_then(|rules| rules.handle_access(AccessNet::from_all(ABI::V5)))
            .and_then(|rules| rules.scope(Scope::from_all(ABI::V6)))
            .and_then(|rules| rules.create());
        if let Ok(rules) = rules {
            let _ = rules.restrict_self();
        }
    }

    /// System calls that pass with any arguments: memory, time, threads that exist, the open pipes.
    const HARMLESS: &[libc::c_long] = &[
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_brk,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_futex,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_clock_gettime,
        libc::SYS_clock_getres,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_gettimeofday,
        libc::SYS_getrandom,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];
    /// System calls that pass unless they ask for memory that can be executed.
    const MAPPING: &[libc::c_long] = &[libc::SYS_mmap, libc::SYS_mprotect];
    const PROTECTION_ARGUMENT: u8 = 2;

    pub(super) fn filter_system_calls() -> Result<(), HardenError> {
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
            HARMLESS.iter().map(|call| (*call, Vec::new())).collect();
        for call in MAPPING {
            rules.insert(*call, vec![SeccompRule::new(vec![not_executable()?])?]);
        }
        let refuse = SeccompAction::Errno(libc::EPERM as u32);
        let arch = std::env::consts::ARCH.try_into()?;
        let filter: BpfProgram = SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch)?.try_into()?;
        Ok(seccompiler::apply_filter_all_threads(&filter)?)
    }

    fn not_executable() -> Result<SeccompCondition, seccompiler::BackendError> {
        let executable = SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64);
        SeccompCondition::new(PROTECTION_ARGUMENT, SeccompCmpArgLen::Dword, executable, 0)
    }
}
