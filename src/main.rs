//! The binary `breakglass`: reads the command line and ends with the command's exit code.
//!
//! Everything it does is in the library's room `cli`. Its allocator wipes what it frees, because
//! crates that we use leave pieces of secrets in ordinary vectors (DESIGN §6).

use std::process::ExitCode;

use breakglass::cli::{Output, tree};
use breakglass::sealed::allocator::Allocator;
use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: Allocator = breakglass::sealed::allocator::ALLOCATOR;

fn main() -> ExitCode {
    let cli = match tree::Cli::try_parse() {
        Ok(cli) => cli,
        Err(why) => return ExitCode::from(tree::not_parsed(&why).0),
    };
    let out = Output::standard(&cli.globals);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let exit = match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(breakglass::cli::dispatch(cli, &out));
            // A thread may still wait for a terminal line that nobody will type.
            runtime.shutdown_background();
            exit
        }
        Err(why) => {
            out.warn(&format!("the program could not start its threads: {why}"));
            breakglass::cli::Exit::FAILED
        }
    };
    ExitCode::from(exit.0)
}
