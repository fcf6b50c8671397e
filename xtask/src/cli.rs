//! The command line of `cargo xtask`, and which module does what it asks.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};

use crate::{bench, chaos, cluster, demo, dev, down, images, screenshots, simulate, test, up};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Developer commands of the store platform")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// From a checkout to a shop that sells: cluster, images, server, and the store `demo`
    Up(up::UpArgs),
    /// Take away what `up` made
    Down(down::DownArgs),
    /// Everything that proves this project, installing what it needs
    Test(test::TestArgs),
    /// The server with its dashboard on a simulated cluster, for trying it
    Demo(demo::DemoArgs),
    /// The dashboard at port 3000 with hot reload, against a server that runs
    Dev(dev::DevArgs),
    /// Pictures of the dashboard's pages, for the documentation
    Screenshots,
    /// Measure what the control plane costs
    Bench(bench::BenchArgs),
    /// Kill the server and Helm at random moments, round after round, and see that nothing is lost or left
    Chaos(chaos::ChaosArgs),
    /// Simulate schedules of faults from seeds, and find bugs that are planted for it
    Simulate(simulate::SimulateArgs),
    /// A real single-node Kubernetes on this machine (Linux, as root)
    Cluster(ClusterArgs),
    /// Build the container images and bring them to a cluster or a registry
    Images(images::ImagesArgs),
}

#[derive(Debug, Args)]
struct ClusterArgs {
    /// Where the cluster keeps its state (default: the XDG state directory)
    #[arg(long, env = cluster::STATE_DIR_VARIABLE, global = true)]
    state_dir: Option<PathBuf>,
    /// A cluster whose node is simulated: no containers, no ingress, proves nothing about shops (needs --state-dir)
    #[arg(long, global = true)]
    simulated: bool,
    #[command(subcommand)]
    command: ClusterCommand,
}

#[derive(Debug, Subcommand)]
enum ClusterCommand {
    /// Start the cluster; repairs a half-started one, does nothing to a running one
    Up {
        /// Port of the local ingress on 127.0.0.1 (default: 80, or 8080 where 80 cannot be bound)
        #[arg(long)]
        http_port: Option<u16>,
    },
    /// Stop the cluster and everything that it left on this machine
    Down {
        /// Also delete its data: objects, volumes, imported images
        #[arg(long)]
        purge: bool,
    },
    /// One line for each program, and a line of key=value pairs
    Status,
    /// Print the path of the kubeconfig file
    Kubeconfig,
    /// Build the cluster's programs only; with --simulated, those of such clusters too
    Programs,
    /// Stop the API server only (for failure tests)
    StopApi,
    /// Start the API server again
    StartApi,
    /// Suspend a program with SIGSTOP (for failure tests)
    Freeze {
        /// Name as printed by `cluster status`
        program: String,
    },
    /// Resume a suspended program
    Thaw {
        /// Name as printed by `cluster status`
        program: String,
    },
}

/// Parses the command line and runs the command.
pub(crate) fn run() -> Result<ExitCode> {
    match Cli::parse().command {
        Command::Up(args) => up::run(&args),
        Command::Down(args) => down::run(&args),
        Command::Test(args) => return test::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Dev(args) => dev::run(&args),
        Command::Screenshots => screenshots::run(),
        Command::Bench(args) => bench::run(&args),
        Command::Chaos(args) => chaos::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Cluster(args) => run_cluster(args),
        Command::Images(args) => images::run(&args),
    }
    .map(|()| ExitCode::SUCCESS)
}

fn run_cluster(args: ClusterArgs) -> Result<()> {
    if let (ClusterCommand::Programs, true) = (&args.command, args.simulated) {
        return cluster::build_simulated_programs().map(drop);
    }
    let mut config = match (args.simulated, args.state_dir) {
        (true, Some(state_dir)) => cluster::Config::simulated(state_dir),
        (true, None) => bail!("--simulated needs --state-dir: such clusters have no usual place"),
        (false, state_dir) => cluster::Config::new(state_dir)?,
    };
    match args.command {
        ClusterCommand::Up { http_port } => {
            config.http_port = http_port;
            cluster::up(&config).map(drop)
        }
        ClusterCommand::Down { purge } => cluster::down(&config, purge),
        ClusterCommand::Status => cluster::print_status(&config),
        ClusterCommand::Kubeconfig => {
            let cluster =
                cluster::running(&config)?.context("the local cluster does not run: cargo xtask cluster up")?;
            println!("{}", cluster.kubeconfig.display());
            Ok(())
        }
        ClusterCommand::Programs => cluster::build_programs().map(drop),
        ClusterCommand::StopApi => cluster::stop_api(&config),
        ClusterCommand::StartApi => cluster::start_api(&config),
        ClusterCommand::Freeze { program } => cluster::freeze(&config, &program),
        ClusterCommand::Thaw { program } => cluster::thaw(&config, &program),
    }
}
