//! `cargo xtask up`: from a checkout to a shop that sells, on a cluster that is there or on the local one.
//!
//! Each step looks at what is there already, so that a second run is quick and repairs what a first one left undone.

mod demo;
mod destination;
mod own_cluster;
mod record;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::Write,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;

pub(crate) use self::record::Record;
use self::{
    destination::{Destination, choose},
    own_cluster::OwnCluster,
};
use crate::{
    cargo::{self, Profile, Programs},
    cluster::{self, Cluster},
    images::{self, PluginArgs, Target},
    install::{self, Group},
    progress::{Stopwatch, say},
    server::{self, Change, Launch, Server},
};

/// A server that was just started has not looked at its cluster yet.
const SIGHT: Duration = Duration::from_secs(20);

/// Arguments of `cargo xtask up`.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct UpArgs {
    /// The kubeconfig file of the cluster to use (default: KUBECONFIG)
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context within the kubeconfig file (default: its current one)
    #[arg(long)]
    context: Option<String>,
    /// Use the current context of ~/.kube/config without asking
    #[arg(long)]
    use_current_context: bool,
    /// Push the images to this registry, such as registry.example.com/shops, and let the cluster pull them from there
    #[arg(long, value_name = "REGISTRY", conflicts_with = "no_images")]
    push: Option<String>,
    /// Neither build nor bring images: the cluster has them
    #[arg(long)]
    no_images: bool,
    /// The port of the cluster's ingress on this machine (default: 80, on the local cluster its own)
    #[arg(long, value_name = "PORT")]
    ingress_port: Option<u16>,
    /// The port of the API on 127.0.0.1
    #[arg(long, default_value_t = 5000)]
    port: u16,
    /// Build the programs optimised: slower to build
    #[arg(long)]
    release: bool,
    /// Answer every question with yes
    #[arg(short, long)]
    yes: bool,
    /// Create no store
    #[arg(long)]
    no_demo: bool,
    #[command(flatten)]
    plugin: PluginArgs,
}

/// How long each step took, in seconds.
#[derive(Debug, Default)]
struct Times {
    programs: String,
    cluster: String,
    images: String,
    build: String,
    server: String,
    store: String,
}

/// What a server needs to know about its cluster.
#[derive(Debug, Clone)]
struct Surroundings {
    kubeconfig: OsString,
    /// For whoever looks at the cluster beside the server.
    persons_kubeconfig: OsString,
    context: Option<String>,
    helm: PathBuf,
    ingress_port: u16,
    /// Values files in the order of the server's two variables; the first may be missing.
    values: (Option<PathBuf>, PathBuf),
}

/// Runs the command.
pub(crate) fn run(args: &UpArgs) -> Result<()> {
    let total = Stopwatch::start();
    let mut times = Times::default();
    let destination = choose(args)?;
    let directory = record::directory()?;
    server::demand_port(&directory, args.port)?;
    Record::new(&destination, args.port).claim(&directory)?;
    let surroundings = match &destination {
        Destination::Local => on_the_local_cluster(args, &mut times)?,
        Destination::Own(cluster) => on_an_own_cluster(cluster, args, &directory, &mut times)?,
    };
    let profile = if args.release { Profile::Release } else { Profile::Debug };
    let programs = timed(&mut times.build, || build(profile))?;
    let launch = launch(&programs, directory.clone(), args.port, &surroundings);
    let (server, change) = timed(&mut times.server, || server::ensure(&launch))?;
    demand_work(server)?;
    say(match change {
        Change::Kept => format!("store-http already runs on {}", server.api().base()),
        Change::Started | Change::Replaced => format!("store-http runs on {}", server.api().base()),
    });
    let demo = if args.no_demo {
        None
    } else {
        Some(timed(&mut times.store, || demo::ensure(&programs, server, &directory))?)
    };
    summary(&programs, server, demo.as_ref(), &surroundings);
    let zero = |text: &str| if text.is_empty() { "0.0".to_owned() } else { text.to_owned() };
    println!(
        "programs_s={} cluster_s={} images_s={} build_s={} server_s={} store_s={} total_s={}",
        zero(&times.programs),
        zero(&times.cluster),
        zero(&times.images),
        zero(&times.build),
        zero(&times.server),
        zero(&times.store),
        total.seconds()
    );
    Ok(())
}

fn timed<T>(seconds: &mut String, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let clock = Stopwatch::start();
    let result = work();
    *seconds = clock.seconds();
    result
}

fn on_the_local_cluster(args: &UpArgs, times: &mut Times) -> Result<Surroundings> {
    if args.push.is_some() {
        bail!("--push is for clusters that pull from a registry; the local cluster gets its images directly");
    }
    let mut config = cluster::Config::new(None)?;
    config.http_port = args.ingress_port;
    timed(&mut times.programs, || {
        install::ensure(&[Group::Cluster])?;
        cluster::build_programs().map(drop)
    })?;
    let cluster = timed(&mut times.cluster, || cluster::up(&config))?;
    if !args.no_images {
        let plugin = args.plugin.given()?;
        timed(&mut times.images, || images::ensure(&Target::Local(cluster.clone()), plugin.as_deref()))?;
    }
    Ok(Surroundings::local(&cluster))
}

fn on_an_own_cluster(cluster: &OwnCluster, args: &UpArgs, directory: &Path, times: &mut Times) -> Result<Surroundings> {
    let (nodes, plugin) = (cluster.nodes()?, args.plugin.given()?);
    timed(&mut times.images, || match (&args.push, args.no_images) {
        (Some(registry), _) => images::push(registry.trim_end_matches('/'), plugin.as_deref()),
        (None, true) => Ok(()),
        (None, false) => images::ensure(&cluster.image_target(&nodes)?, plugin.as_deref()).map(drop),
    })?;
    let values = cluster.write_values(directory, args.push.as_deref())?;
    Ok(Surroundings {
        kubeconfig: cluster.kubeconfig.clone(),
        persons_kubeconfig: cluster.kubeconfig.clone(),
        context: Some(cluster.context.clone()),
        helm: cluster.helm.clone(),
        ingress_port: args.ingress_port.unwrap_or(80),
        values: (Some("values-local.yaml".into()), values),
    })
}

impl Surroundings {
    fn local(cluster: &Cluster) -> Self {
        Self {
            kubeconfig: cluster.platform_kubeconfig.clone().into(),
            persons_kubeconfig: cluster.kubeconfig.clone().into(),
            context: None,
            helm: cluster.bin_dir.join("helm"),
            ingress_port: cluster.ingress_port,
            values: (None, "values-local.yaml".into()),
        }
    }

    fn url_template(&self) -> String {
        match self.ingress_port {
            80 => "http://{name}.localhost".to_owned(),
            port => format!("http://{{name}}.localhost:{port}"),
        }
    }
}

fn launch(programs: &Programs, directory: PathBuf, port: u16, surroundings: &Surroundings) -> Launch {
    let mut environment: BTreeMap<&'static str, OsString> = BTreeMap::from([
        ("KUBECONFIG", surroundings.kubeconfig.clone()),
        ("HELM_BINARY", surroundings.helm.clone().into()),
        ("HELM_ENV_VALUES_FILE", surroundings.values.1.clone().into()),
        ("PUBLIC_URL_TEMPLATE", surroundings.url_template().into()),
    ]);
    if let Some(first) = &surroundings.values.0 {
        environment.insert("HELM_VALUES_FILE", first.clone().into());
    }
    if let Some(context) = &surroundings.context {
        environment.insert("KUBE_CONTEXT", context.into());
    }
    Launch { program: programs.server.clone(), directory, port, environment }
}

/// Waits until the server sees its cluster and works on it; it says itself what holds it up.
fn demand_work(server: Server) -> Result<()> {
    let deadline = Instant::now() + SIGHT;
    loop {
        let readiness = server.api().readiness()?;
        let Some(parked) = readiness["parked"].as_str() else { return Ok(()) };
        if Instant::now() >= deadline {
            bail!("the server does not work on its stores: {parked}");
        }
        thread::sleep(Duration::from_millis(200));
    }
}

fn build(profile: Profile) -> Result<Programs> {
    let note = match profile {
        Profile::Debug => "unoptimised, which is quicker to build; --release optimises",
        Profile::Release => "optimised",
    };
    say(format!("building store-http and store ({note})"));
    let status = cargo::build_programs(profile)?.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("the programs do not build ({status})");
    }
    cargo::programs(profile)
}

fn summary(programs: &Programs, server: Server, demo: Option<&demo::Demo>, surroundings: &Surroundings) {
    let ingress_port = surroundings.ingress_port;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out);
    let api = server.api();
    let environment = format!(
        "export STORE_SERVER={} KUBECONFIG={}",
        api.base(),
        Path::new(&surroundings.persons_kubeconfig).display()
    );
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "{name:<16}{value}");
    };
    if let Some(demo) = demo {
        line("shop", &demo.store_url);
        line("admin", &demo.admin_url);
        line("admin e-mail", demo::ADMIN_EMAIL);
        line("admin password", &format!("in {}", demo.password_file.display()));
        if let Some(host) = demo.host() {
            line("by curl", &format!("curl --resolve {host}:{ingress_port}:127.0.0.1 {}", demo.store_url));
        }
    }
    line("API", &format!("{}/api/v1/stores", api.base()));
    line("command line", &programs.cli.display().to_string());
    line("its settings", &environment);
    line("stop", "cargo xtask down");
}

/// A server for what an earlier `up` made, for taking it away; `None` where its parts are gone.
pub(crate) fn serve_again(record: &Record) -> Result<Option<Server>> {
    let directory = record::directory()?;
    if let Some(server) = server::running(&directory) {
        return Ok(Some(server));
    }
    if !server::database(&directory).exists() {
        return Ok(None);
    }
    let Ok(programs) = cargo::programs(Profile::Debug).or_else(|_| cargo::programs(Profile::Release)) else {
        return Ok(None);
    };
    let surroundings = match record.own_cluster()? {
        None => match cluster::running(&cluster::Config::new(None)?)? {
            Some(cluster) => Surroundings::local(&cluster),
            None => return Ok(None),
        },
        Some(cluster) => Surroundings {
            values: (None, "values-local.yaml".into()),
            persons_kubeconfig: cluster.kubeconfig.clone(),
            kubeconfig: cluster.kubeconfig,
            context: Some(cluster.context),
            helm: cluster.helm,
            ingress_port: 80,
        },
    };
    let launch = launch(&programs, directory, record.port, &surroundings);
    server::ensure(&launch).map(|(server, _)| Some(server))
}

/// Where `up` keeps the server's files.
pub(crate) fn directory() -> Result<PathBuf> {
    record::directory()
}
