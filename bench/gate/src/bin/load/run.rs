//! The run itself: a plan and templates in, an outcome out. One thread waits for all connections at once.
//!
//! Closed loop: each connection sends its next request when it has the answer to the last. Open loop: requests fall due
//! at a fixed rate whatever the server does, and their latency counts from then, so that a server that stalls is charged
//! for all that wait behind.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde::Serialize;

use crate::connection::{Answer, Connection};
use crate::histogram::Histogram;
use crate::process;
use crate::review::{Expect, Template};

/// No run goes on for longer, whatever it was told.
pub const LONGEST_RUN: Duration = Duration::from_secs(3600);
/// Time for all handshakes before the run begins.
const CONNECTING: Duration = Duration::from_secs(10);
/// Time for what is under way when the run ends.
const DRAINING: Duration = Duration::from_secs(5);
/// A server that answers nobody for so long has stopped: an API server would have given up as well.
const STALLED: Duration = Duration::from_secs(30);
/// A connection that failed is opened anew after this, so that a dead server does not cost a core.
const REOPENING: Duration = Duration::from_millis(10);
/// With so many failures the figures mean nothing, and the run stops.
const MOST_FAILURES: u64 = 10_000;
/// How long to sleep at most, for the clock is read on waking.
const NAP: Duration = Duration::from_millis(20);
const TIMER: Token = Token(usize::MAX);

pub struct Target {
    pub address: SocketAddr,
    pub name: ServerName<'static>,
    pub tls: Arc<ClientConfig>,
}

pub struct Plan {
    pub connections: usize,
    pub warmup: Duration,
    pub seconds: Option<Duration>,
    pub requests: Option<u64>,
    pub rate: Option<u32>,
    pub expect: Expect,
    pub server_pid: Option<u32>,
}

#[derive(Serialize, Default)]
pub struct Outcome {
    pub connections: usize,
    pub rate: Option<u32>,
    /// The measured part: after the warm-up, until the last second or request.
    pub seconds: f64,
    pub answers: u64,
    pub per_second: f64,
    pub latency: Latency,
    /// Connections that failed: refused, broken, or not speaking TLS and HTTP.
    pub errors: u64,
    pub not_200: u64,
    /// Answers with a foreign uid, the wrong decision, or none.
    pub wrong: u64,
    /// Requests that were due or sent and never answered.
    pub unanswered: u64,
    /// Connections that the server ended after an answer.
    pub reconnects: u64,
    pub first_failure: Option<String>,
    pub client_cpu_us_per_answer: f64,
    pub server_cpu_us_per_answer: Option<f64>,
    pub server_rss_kib: Option<u64>,
    pub server_peak_rss_kib: Option<u64>,
}

/// In milliseconds.
#[derive(Serialize, Default)]
pub struct Latency {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p99_9: f64,
    pub max: f64,
}

impl Outcome {
    pub fn failures(&self) -> u64 {
        self.errors + self.not_200 + self.wrong + self.unanswered
    }
}

enum State {
    Connecting,
    Idle,
    Waiting { template: usize, number: u64, due: Instant },
    Closed,
}

struct Slot {
    connection: Option<Connection>,
    state: State,
}

struct Run<'a> {
    plan: &'a Plan,
    target: &'a Target,
    templates: Vec<Template>,
    poll: Poll,
    slots: Vec<Slot>,
    /// Longest idle first: load spreads over all connections, and so over all threads of the server.
    idle: VecDeque<usize>,
    reopen: VecDeque<(Instant, usize)>,
    waiting: usize,
    number: u64,
    /// Requests due earlier are the warm-up's; none is yet measured while this is `None`.
    begin: Option<Instant>,
    /// Set when the measured part is over: answers that come later have a latency, but no part in the throughput.
    over: bool,
    latency: Histogram,
    last_answer: Instant,
    outcome: Outcome,
}

pub fn run(plan: &Plan, target: &Target, templates: Vec<Template>) -> io::Result<Outcome> {
    let mut run = Run {
        plan,
        target,
        templates,
        poll: Poll::new()?,
        slots: (0..plan.connections).map(|_| Slot { connection: None, state: State::Closed }).collect(),
        idle: VecDeque::new(),
        reopen: VecDeque::new(),
        waiting: 0,
        // Numbers of one run are not those of the next: a server that remembers uids would else know them already.
        number: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64),
        begin: None,
        over: false,
        latency: Histogram::new(),
        last_answer: Instant::now(),
        outcome: Outcome { connections: plan.connections, rate: plan.rate, ..Outcome::default() },
    };
    run.connect()?;
    run.measure()?;
    Ok(run.outcome)
}

impl Run<'_> {
    fn connect(&mut self) -> io::Result<()> {
        let until = Instant::now() + CONNECTING;
        (0..self.slots.len()).for_each(|index| self.open(index));
        let mut events = Events::with_capacity(1024);
        while self.idle.len() < self.slots.len() {
            self.turn(&mut events, None)?;
            if let Some(failure) = &self.outcome.first_failure {
                return Err(io::Error::other(format!("could not connect to {}: {failure}", self.target.address)));
            }
            if Instant::now() > until {
                return Err(io::Error::other(format!("{} does not finish its handshakes", self.target.address)));
            }
        }
        Ok(())
    }

    fn measure(&mut self) -> io::Result<()> {
        let start = Instant::now();
        let begin = start + self.plan.warmup;
        let end = begin + self.plan.seconds.unwrap_or(LONGEST_RUN);
        let timer = self.plan.rate.map(|rate| Timer::new(rate, &self.poll)).transpose()?;
        let mut events = Events::with_capacity(1024);
        let mut due = Schedule { start, rate: self.plan.rate, next: 0 };
        let (mut own_cpu, mut server_cpu) = (Duration::ZERO, None);
        // What the warm-up and the measured part have sent.
        let (mut sent_before, mut sent) = (0u64, 0u64);
        self.last_answer = start;
        loop {
            self.turn(&mut events, timer.as_ref())?;
            let now = Instant::now();
            if self.begin.is_none() && now >= begin {
                (self.begin, sent_before) = (Some(now), sent);
                (own_cpu, server_cpu) = (process::own_cpu(), self.plan.server_pid.and_then(process::cpu));
            }
            let measured_sent = if self.begin.is_some() { sent - sent_before } else { 0 };
            let mut left = self.plan.requests.map_or(u64::MAX, |most| most - measured_sent);
            if !self.over {
                let finished = self.begin.is_some() && left == 0 && self.waiting == 0;
                let stalled = self.waiting > 0 && now - self.last_answer > STALLED;
                if finished || now >= end || stalled || self.outcome.failures() >= MOST_FAILURES {
                    let answers = self.outcome.answers.max(1) as f64;
                    let per_answer = |cpu: Duration| cpu.as_secs_f64() * 1e6 / answers;
                    let spent = self.plan.server_pid.and_then(process::cpu).zip(server_cpu);
                    self.outcome.client_cpu_us_per_answer = per_answer(process::own_cpu() - own_cpu);
                    self.outcome.server_cpu_us_per_answer = spent.map(|(after, before)| per_answer(after - before));
                    self.outcome.seconds = self.begin.map_or(0.0, |begin| (now - begin).as_secs_f64());
                    self.over = true;
                    if stalled || self.outcome.failures() >= MOST_FAILURES {
                        break;
                    }
                }
            }
            // A request that fell due in time is sent, however late: its latency is what the rate is about.
            while left > 0 {
                let Some(due_at) = due.peek(now, end) else { break };
                if self.plan.rate.is_none() && self.over {
                    break;
                }
                let Some(index) = self.idle.pop_front() else { break };
                due.next += 1;
                sent += 1;
                left -= u64::from(self.begin.is_some() && self.plan.requests.is_some());
                self.send(index, due_at);
            }
            if self.over {
                let backlog = self.plan.rate.is_some() && left > 0 && due.peek(now, end).is_some();
                if (self.waiting == 0 && !backlog) || now > end + DRAINING {
                    break;
                }
            }
        }
        let now = Instant::now();
        self.outcome.unanswered += self.waiting as u64;
        if self.plan.requests.is_none() {
            while self.plan.rate.is_some() && due.peek(now, end).is_some() {
                due.next += 1;
                self.outcome.unanswered += 1;
            }
        }
        self.finish();
        Ok(())
    }

    fn finish(&mut self) {
        let outcome = &mut self.outcome;
        let millis = |share| self.latency.quantile(share).as_secs_f64() * 1000.0;
        outcome.latency = Latency {
            p50: millis(0.5),
            p90: millis(0.9),
            p99: millis(0.99),
            p99_9: millis(0.999),
            max: self.latency.max().as_secs_f64() * 1000.0,
        };
        if outcome.seconds > 0.0 {
            outcome.per_second = outcome.answers as f64 / outcome.seconds;
        }
        if let Some((now, peak)) = self.plan.server_pid.and_then(process::memory) {
            (outcome.server_rss_kib, outcome.server_peak_rss_kib) = (Some(now), Some(peak));
        }
    }

    /// Waits for events and does what they ask for.
    fn turn(&mut self, events: &mut Events, timer: Option<&Timer>) -> io::Result<()> {
        // In a closed loop something idle means that the next request only waits for this to return.
        let nap = if timer.is_none() && !self.idle.is_empty() && !self.over { Duration::ZERO } else { NAP };
        match self.poll.poll(events, Some(nap)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in events.iter() {
            match event.token() {
                TIMER => timer.into_iter().for_each(Timer::rest),
                Token(index) => self.attend(index, event.is_read_closed()),
            }
        }
        while let Some((_, index)) = self.reopen.front().copied().filter(|(at, _)| *at <= Instant::now()) {
            self.reopen.pop_front();
            self.open(index);
        }
        Ok(())
    }

    fn open(&mut self, index: usize) {
        let Target { address, name, tls } = self.target;
        match Connection::open(*address, name, tls, self.poll.registry(), Token(index)) {
            Ok(connection) => self.slots[index] = Slot { connection: Some(connection), state: State::Connecting },
            Err(error) => self.broke(index, &error),
        }
    }

    fn send(&mut self, index: usize, due: Instant) {
        let number = self.number;
        self.number += 1;
        let template = (number % self.templates.len() as u64) as usize;
        let slot = &mut self.slots[index];
        let Some(connection) = &mut slot.connection else { return };
        slot.state = State::Waiting { template, number, due };
        self.waiting += 1;
        if let Err(error) = connection.send(self.templates[template].request(number)) {
            self.broke(index, &error);
        }
    }

    fn attend(&mut self, index: usize, ended: bool) {
        let slot = &mut self.slots[index];
        let Some(connection) = &mut slot.connection else { return };
        match slot.state {
            State::Connecting => match connection.handshake() {
                Ok(true) => {
                    slot.state = State::Idle;
                    self.idle.push_back(index);
                }
                Ok(false) => {}
                Err(error) => self.broke(index, &error),
            },
            State::Waiting { template, number, due } => {
                let (template, expect) = (&self.templates[template], self.plan.expect);
                let judge = |answer: Answer| {
                    let verdict =
                        if answer.status == 200 { template.check(number, answer.body, expect) } else { Ok(()) };
                    (answer.status, verdict, answer.last)
                };
                match connection.answer(ended, judge) {
                    Ok(Some((status, verdict, last))) => {
                        self.answered(due, status, verdict);
                        if last {
                            self.outcome.reconnects += 1;
                            self.open(index);
                        } else {
                            self.slots[index].state = State::Idle;
                            self.idle.push_back(index);
                        }
                    }
                    Ok(None) => {}
                    Err(error) => self.broke(index, &error),
                }
            }
            // A server may end a connection that has nothing to do; session tickets come here as well.
            State::Idle if ended => {
                self.idle.retain(|idle| *idle != index);
                self.outcome.reconnects += 1;
                self.open(index);
            }
            State::Idle | State::Closed => {}
        }
    }

    fn answered(&mut self, due: Instant, status: u16, verdict: Result<(), String>) {
        let now = Instant::now();
        self.waiting -= 1;
        self.last_answer = now;
        if self.begin.is_some() && !self.over {
            self.outcome.answers += 1;
        }
        if self.begin.is_some_and(|begin| due >= begin) {
            self.latency.record(now.saturating_duration_since(due));
        }
        if status != 200 {
            self.outcome.not_200 += 1;
            self.outcome.first_failure.get_or_insert_with(|| format!("status {status}"));
        }
        if let Err(why) = verdict {
            self.outcome.wrong += 1;
            self.outcome.first_failure.get_or_insert(why);
        }
    }

    fn broke(&mut self, index: usize, error: &io::Error) {
        if matches!(self.slots[index].state, State::Waiting { .. }) {
            self.waiting -= 1;
        }
        self.outcome.errors += 1;
        self.outcome.first_failure.get_or_insert_with(|| error.to_string());
        self.slots[index] = Slot { connection: None, state: State::Closed };
        self.reopen.push_back((Instant::now() + REOPENING, index));
    }
}

/// When requests fall due.
struct Schedule {
    start: Instant,
    rate: Option<u32>,
    next: u64,
}

impl Schedule {
    /// When the next request is due, if that is by now and before the end; in a closed loop that is always now.
    fn peek(&self, now: Instant, end: Instant) -> Option<Instant> {
        let Some(rate) = self.rate else { return Some(now) };
        let due = self.start + Duration::from_secs_f64(self.next as f64 / f64::from(rate));
        (due <= now && due < end).then_some(due)
    }
}

/// Wakes the loop for every request that falls due: epoll itself counts in whole milliseconds.
struct Timer(OwnedFd);

impl Timer {
    fn new(rate: u32, poll: &Poll) -> io::Result<Self> {
        let every = 1_000_000_000 / i64::from(rate);
        let every = Timespec { tv_sec: every / 1_000_000_000, tv_nsec: every % 1_000_000_000 };
        let timer =
            rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        let times = Itimerspec { it_interval: every, it_value: every };
        rustix::time::timerfd_settime(&timer, TimerfdTimerFlags::empty(), &times)?;
        poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
        Ok(Self(timer))
    }

    /// Makes it ready to wake again. How often it rang does not matter: the schedule says what is due.
    fn rest(&self) {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}
