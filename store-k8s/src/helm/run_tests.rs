//! Programs that misbehave: they hang, print without end, ignore signals, leave children, or outlive their parent.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant as Moment;

use uuid::Uuid;

use super::*;
use crate::helm::{environment, stop};

/// Set for the process of [`parent_process`], which then starts a program and waits to be killed.
const PARENT: &str = "STORE_K8S_TEST_PARENT_OF";

/// The shell runs the script, so that no other test's fork can hold the program's file open for writing.
fn program(directory: &Path, script: &str) -> Program {
    let file = directory.join("program");
    std::fs::write(&file, script).unwrap();
    let environment = BTreeMap::from([("PATH".into(), std::env::var_os("PATH").unwrap())]);
    Program { binary: "/bin/sh".into(), arguments: vec![file.into()], environment, directory: directory.to_owned() }
}

async fn run_script(script: &str, input: &[u8], deadline: Duration) -> (Ended, Duration) {
    let directory = tempfile::tempdir().unwrap();
    let program = program(directory.path(), script);
    let begun = Moment::now();
    let spawner = Spawner::start().unwrap();
    let ended = run(&spawner, program, input.to_vec(), deadline, &CancellationToken::new()).await.unwrap();
    (ended, begun.elapsed())
}

fn is_alive(pid: &str) -> bool {
    // A zombie that nobody has reaped yet has ended as well.
    std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
}

async fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Moment::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn input_and_outputs_and_status_come_through() {
    let (ended, _) = run_script("cat; echo oops >&2; exit 3", b"{}\n", Duration::from_secs(10)).await;
    assert_eq!((ended.stdout.as_slice(), ended.stderr.as_slice()), (b"{}\n".as_slice(), b"oops\n".as_slice()));
    assert!(matches!(ended.end, End::Exited(status) if status.code() == Some(3)));
}

#[tokio::test]
async fn exactly_4096_bytes_of_input_arrive_whole() {
    let input = vec![b'x'; 4096];
    let (ended, _) = run_script("cat", &input, Duration::from_secs(10)).await;
    assert_eq!(ended.stdout, input);
}

#[tokio::test]
async fn a_program_that_does_not_read_its_input_is_no_error() {
    let (ended, _) = run_script("exit 0", &vec![b'x'; 1 << 20], Duration::from_secs(10)).await;
    assert!(matches!(ended.end, End::Exited(status) if status.success()));
}

#[tokio::test]
async fn a_hundred_megabytes_are_read_and_a_little_is_kept() {
    let script = "head -c 100000000 /dev/zero; (head -c 100000000 /dev/zero; echo Error: the end) >&2";
    let (ended, _) = run_script(script, b"", Duration::from_mins(1)).await;
    assert_eq!((ended.stdout.len(), ended.stderr.len()), (KEPT, KEPT));
    assert!(ended.stderr.ends_with(b"Error: the end\n"));
}

#[tokio::test]
async fn a_program_that_hangs_is_asked_first() {
    let script = "trap 'echo asked >&2; exit 1' TERM; sleep 60 & wait";
    let (ended, took) = run_script(script, b"", Duration::from_secs(2)).await;
    assert_eq!((ended.end, ended.stderr.as_slice()), (End::TimedOut, b"asked\n".as_slice()));
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn a_program_that_does_not_listen_is_killed_in_time() {
    let (ended, took) = run_script("trap '' TERM; while true; do sleep 1; done", b"", Duration::from_secs(1)).await;
    assert_eq!(ended.end, End::TimedOut);
    assert!(took >= Duration::from_secs(1) && took < Duration::from_millis(2500), "{took:?}");
}

#[tokio::test]
async fn children_that_are_left_behind_end_with_their_parent() {
    let (ended, took) = run_script("sleep 60 & echo $!; exit 0", b"", Duration::from_secs(10)).await;
    assert!(matches!(ended.end, End::Exited(status) if status.success()));
    let pid = String::from_utf8(ended.stdout).unwrap();
    wait_for("the child ends", || !is_alive(&pid)).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn cancelling_asks_first() {
    let directory = tempfile::tempdir().unwrap();
    let program = program(directory.path(), "trap 'echo asked >&2; exit 1' TERM; echo $$ > own; sleep 60 & wait");
    let (spawner, cancel) = (Spawner::start().unwrap(), CancellationToken::new());
    let own = || std::fs::read_to_string(directory.path().join("own")).unwrap_or_default();
    let cancelling = async {
        wait_for("the program starts", || own().ends_with('\n')).await;
        cancel.cancel();
    };
    let running = run(&spawner, program, Vec::new(), Duration::from_mins(1), &cancel);
    let (ended, ()) = futures::join!(running, cancelling);
    let ended = ended.unwrap();
    assert_eq!((ended.end, ended.stderr.as_slice()), (End::Cancelled, b"asked\n".as_slice()));
}

#[tokio::test]
async fn cancelling_ends_what_does_not_listen_with_all_children() {
    let directory = tempfile::tempdir().unwrap();
    let program = program(directory.path(), "trap '' TERM; sleep 60 & echo $! > child; echo $$ > own; wait");
    let (spawner, cancel) = (Spawner::start().unwrap(), CancellationToken::new());
    let file = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap_or_default();
    let cancelling = async {
        wait_for("the program starts", || file("own").ends_with('\n')).await;
        cancel.cancel();
        Moment::now()
    };
    let running = run(&spawner, program, Vec::new(), Duration::from_mins(1), &cancel);
    let (ended, cancelled) = futures::join!(running, cancelling);
    assert_eq!(ended.unwrap().end, End::Cancelled);
    assert!(cancelled.elapsed() < Duration::from_secs(2));
    wait_for("the child ends", || !is_alive(&file("child"))).await;
}

#[tokio::test]
async fn a_run_that_is_dropped_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let program = program(directory.path(), "sleep 60 & echo $! > child; echo $$ > own; wait");
    let (spawner, cancel) = (Spawner::start().unwrap(), CancellationToken::new());
    let file = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap_or_default();
    {
        let running = run(&spawner, program, Vec::new(), Duration::from_mins(1), &cancel);
        let started = wait_for("the program starts", || file("own").ends_with('\n'));
        tokio::select! {
            _ = running => panic!("it does not end"),
            () = started => {}
        }
    }
    wait_for("both end", || !is_alive(&file("own")) && !is_alive(&file("child"))).await;
}

#[tokio::test]
async fn a_program_is_found_by_its_action_and_ended() {
    let directory = tempfile::tempdir().unwrap();
    let mut program = program(directory.path(), "trap '' TERM; sleep 60 & echo $! > child; echo $$ > own; wait");
    let (action, other) = (Uuid::from_u128(0xA), Uuid::from_u128(0xB));
    program.environment = environment::marked(program.environment, action);
    let (spawner, cancel) = (Spawner::start().unwrap(), CancellationToken::new());
    let file = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap_or_default();
    let ending = async {
        wait_for("the program starts", || file("own").ends_with('\n')).await;
        stop::end_action(other).await.unwrap();
        assert!(is_alive(&file("own")));
        stop::end_action(action).await.unwrap();
        assert!(!is_alive(&file("child")));
    };
    let running = run(&spawner, program, Vec::new(), Duration::from_mins(1), &cancel);
    let (ended, ()) = futures::join!(running, ending);
    assert!(matches!(ended.unwrap().end, End::Exited(status) if !status.success()));
}

#[tokio::test]
async fn a_program_that_cannot_be_run_is_an_error() {
    let program = Program {
        binary: "/nowhere/helm".into(),
        arguments: Vec::new(),
        environment: BTreeMap::new(),
        directory: "/".into(),
    };
    let spawner = Spawner::start().unwrap();
    let error =
        run(&spawner, program, Vec::new(), Duration::from_secs(1), &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

/// Not a test by itself: the process that the next test kills.
#[tokio::test]
async fn parent_process() {
    let Some(directory) = std::env::var_os(PARENT) else { return };
    let program = program(Path::new(&directory), "echo $$ > own; sleep 60");
    let spawner = Spawner::start().unwrap();
    let _ = run(&spawner, program, Vec::new(), Duration::from_mins(1), &CancellationToken::new()).await;
}

#[tokio::test]
async fn a_program_dies_with_the_process_that_started_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut parent = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "helm::run::tests::parent_process"])
        .env(PARENT, directory.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let file = directory.path().join("own");
    let own = || std::fs::read_to_string(&file).unwrap_or_default();
    wait_for("the program starts", || own().ends_with('\n')).await;
    assert!(is_alive(&own()));
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_for("the program dies", || !is_alive(&own())).await;
}
