//! The `kptn` program: hands its arguments to the library and leaves with its exit code.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    kptn::cli::main()
}
