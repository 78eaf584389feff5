//! Workers as processes, which can be killed and frozen.

use crate::{
    shop::{HOUR, alert, an_hour_ago, each_rule, paid_again, right},
    stage::Stage,
};
use domain::Instant;
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Child, Command, Stdio};

struct Process(Child);

impl Process {
    fn start(stage: &Stage) -> Process {
        let child = Command::new(env!("CARGO_BIN_EXE_alerts-worker-of-tests"))
            .arg(stage.settings.brokers())
            .arg(stage.settings.topic(""))
            .arg(stage.files().path("worker"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        Process(child.unwrap())
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_and_a_frozen_worker_are_replaced_and_what_a_thawed_one_had_in_hand_counts_no_more() {
    let stage = Stage::new(6).await;
    let at = Instant::now().millis() - HOUR;
    let mut workers: Vec<Process> = (0..3).map(|_| Process::start(&stage)).collect();
    stage.until_shared_by(3).await;
    stage.tell(&right(9_000..9_040, at)).await;
    stage.tell(&an_hour_ago(0)).await;
    stage.until_raised(&each_rule(&[0])).await;

    drop(workers.remove(0));
    stage.tell(&an_hour_ago(100)).await;
    for number in 9_000..9_020 {
        stage.tell(&[paid_again(number, at)]).await;
    }
    let mut wanted = each_rule(&[0, 100]);
    wanted.extend((9_000..9_020).map(|number| alert("D", number)));
    wanted.sort();
    stage.until_raised(&wanted).await;

    workers[0].signal(Signal::STOP);
    stage.tell(&an_hour_ago(200)).await;
    for number in 9_020..9_040 {
        stage.tell(&[paid_again(number, at)]).await;
    }
    wanted.extend(each_rule(&[200]));
    wanted.extend((9_020..9_040).map(|number| alert("D", number)));
    wanted.sort();
    stage.until_raised(&wanted).await;

    workers[0].signal(Signal::CONT);
    stage.until_shared_by(2).await;
    stage.tell(&an_hour_ago(300)).await;
    wanted.extend(each_rule(&[300]));
    wanted.sort();
    stage.until_raised(&wanted).await;
    drop(workers);
    stage.assert_once_everywhere(&wanted).await;
}
