//! The `realm` program. Everything is in the library, so that tests can use it too.

fn main() -> std::process::ExitCode {
    realm_node::cli::main()
}
