//! Load on this machine's loopback: keep-alive connections that read every answer to its end, as fast as they can or at
//! a rate, and event streams that stay open.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::event::{
    Timespec,
    epoll::{self, CreateFlags, EventData, EventFlags},
};

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often whoever reads the streams looks whether to stop.
const WAKE: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// Makes the next request to send: all of it, head and body.
pub(super) type NextRequest<'a> = &'a (dyn Fn() -> Vec<u8> + Sync);

/// A request without a body.
pub(super) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n").into_bytes()
}

/// A request with a JSON body.
pub(super) fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = "Host: localhost\r\nContent-Type: application/json";
    format!("POST {path} HTTP/1.1\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// What was answered.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// When each answer came, from the beginning, and how long it took, in milliseconds.
    pub(super) latencies_ms: Vec<(Duration, f64)>,
    /// Bytes of bodies.
    pub(super) bytes: u64,
}

impl Answers {
    /// MiB of a body, in the mean.
    pub(super) fn mean_mib(&self) -> f64 {
        let number = |number| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        number(self.bytes / 1024) / 1024.0 / number(self.latencies_ms.len() as u64)
    }

    /// The latency that so many of a hundred answers did not exceed.
    pub(super) fn percentile_ms(&self, percent: usize) -> f64 {
        let mut sorted: Vec<_> = self.latencies_ms.iter().map(|(_, latency)| *latency).collect();
        sorted.sort_by(f64::total_cmp);
        let index = (percent * sorted.len()).div_ceil(100);
        sorted.get(index.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    fn add(&mut self, other: Self) {
        self.latencies_ms.extend(other.latencies_ms);
        self.bytes += other.bytes;
    }
}

/// How hard to ask.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) port: u16,
    pub(super) connections: u32,
    pub(super) lasts: Duration,
    /// Requests a second over all connections; none: as fast as they are answered. A request that had to wait for the
    /// one before it counts from when it was due, so that a stall is not hidden by the pause that it makes.
    pub(super) rate: Option<f64>,
}

/// Asks, and reads every answer. An answer that is none of the 200s ends it.
pub(super) fn ask(load: Load, next: NextRequest<'_>) -> Result<Answers> {
    thread::scope(|scope| {
        let begin = Instant::now();
        let one = move |number: u32| move || ask_on_one(load, number, begin, next);
        let all: Vec<_> = (0..load.connections).map(|number| scope.spawn(one(number))).collect();
        let mut answers = Answers::default();
        for connection in all {
            answers.add(connection.join().map_err(|_| anyhow::anyhow!("a connection's thread ended"))??);
        }
        Ok(answers)
    })
}

fn ask_on_one(load: Load, number: u32, begin: Instant, next: NextRequest<'_>) -> Result<Answers> {
    let mut connection = Connection::open(load.port)?;
    let interval = load.rate.map(|rate| Duration::from_secs_f64(f64::from(load.connections) / rate));
    // Connections take turns.
    let mut due = begin + interval.map(|interval| interval * number / load.connections).unwrap_or_default();
    let mut answers = Answers::default();
    while begin.elapsed() < load.lasts {
        if interval.is_some() {
            thread::sleep(due.saturating_duration_since(Instant::now()));
        } else {
            due = Instant::now();
        }
        answers.bytes += connection.ask(&next())?;
        answers.latencies_ms.push((begin.elapsed(), due.elapsed().as_secs_f64() * 1_000.0));
        due += interval.unwrap_or_default();
    }
    Ok(answers)
}

/// One keep-alive connection.
struct Connection {
    stream: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Connection {
    fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("the server takes no connection")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::with_capacity(64 * 1024, stream), body: Vec::new() })
    }

    /// Sends one request, reads the whole answer and gives the length of its body.
    fn ask(&mut self, request: &[u8]) -> Result<u64> {
        self.stream.get_mut().write_all(request)?;
        let (status, length) = self.head()?;
        let length = length.with_context(|| format!("an answer ({status}) that does not say its length"))?;
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        if !(200..300).contains(&status) {
            let told: String = String::from_utf8_lossy(&self.body).chars().take(300).collect();
            bail!("answered {status}: {told}");
        }
        Ok(length as u64)
    }

    fn head(&mut self) -> Result<(u16, Option<usize>)> {
        let (mut status, mut length) = (0, None);
        let mut line = String::new();
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                bail!("the server closed a connection that it had said to keep");
            }
            let text = line.trim_end();
            if text.is_empty() {
                return Ok((status, length));
            }
            if let Some(rest) = text.strip_prefix("HTTP/1.1 ") {
                status = rest.get(..3).unwrap_or_default().parse().with_context(|| format!("no status: {text}"))?;
            } else if let Some((name, value)) = text.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = Some(value.trim().parse()?);
            }
        }
    }
}

/// Holds `count` streams of `path` open while `work` runs. Each has to tell of something in that time.
pub(super) fn with_streams<T>(port: u16, path: &str, count: u32, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let stop = AtomicBool::new(false);
    let streams = (0..count).map(|_| Stream::open(port, path)).collect::<Result<Vec<_>>>()?;
    thread::scope(|scope| {
        // One for all: a thread for each would take more of the machine than the server does.
        let reading = scope.spawn(|| read_until(&stop, streams));
        let done = work();
        stop.store(true, Ordering::Relaxed);
        let silent = reading.join().map_err(|_| anyhow::anyhow!("the streams' thread ended"))??;
        match silent {
            0 => done,
            silent => done.and_then(|_| bail!("{silent} of {count} streams were told of no event, or broke off")),
        }
    })
}

/// Reads all streams; how many of them were told of nothing, or ended.
fn read_until(stop: &AtomicBool, mut streams: Vec<Stream>) -> Result<usize> {
    // It names those that are ready; to ask for each of them again and again would cost more than the server's work.
    let waiting = epoll::create(CreateFlags::CLOEXEC)?;
    for (number, stream) in streams.iter().enumerate() {
        epoll::add(&waiting, &stream.socket, EventData::new_u64(number as u64), EventFlags::IN)?;
    }
    let mut ready = Vec::with_capacity(streams.len());
    while !stop.load(Ordering::Relaxed) {
        epoll::wait(&waiting, rustix::buffer::spare_capacity(&mut ready), Some(&WAKE))?;
        for event in ready.drain(..) {
            let number = usize::try_from(event.data.u64()).context("a stream that there is not")?;
            if !streams[number].read() {
                epoll::delete(&waiting, &streams[number].socket)?;
                streams[number].is_over = true;
            }
        }
    }
    Ok(streams.iter().filter(|stream| stream.is_over || !stream.heard).count())
}

struct Stream {
    socket: TcpStream,
    heard: bool,
    is_over: bool,
}

impl Stream {
    fn open(port: u16, path: &str) -> Result<Self> {
        let mut connection = Connection::open(port)?;
        connection.stream.get_mut().write_all(&get(path))?;
        let (status, _) = connection.head()?;
        if status != 200 {
            bail!("a stream was refused with {status}");
        }
        let heard = tells(connection.stream.buffer());
        Ok(Self { socket: connection.stream.into_inner(), heard, is_over: false })
    }

    /// Takes what is there; whether the stream goes on.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        let Ok(read @ 1..) = self.socket.read(&mut buffer) else { return false };
        self.heard |= tells(&buffer[..read]);
        true
    }
}

fn tells(bytes: &[u8]) -> bool {
    bytes.windows(5).any(|window| window == b"data:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_latencies() {
        let answers = Answers {
            latencies_ms: (1..=100).rev().map(|latency| (Duration::ZERO, f64::from(latency))).collect(),
            ..Answers::default()
        };
        assert_eq!(
            (answers.percentile_ms(50), answers.percentile_ms(99), answers.percentile_ms(100)),
            (50.0, 99.0, 100.0)
        );
        assert!(Answers::default().percentile_ms(99).is_nan());
    }
}
