//! `kptn deploy aws` as far as it comes without AWS: words, refusals, and what AWS says when it lets nobody in.
//!
//! What it does there, tests/aws/deploys.py tries in an emulator.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::support::{Project, python_task, tasks_yaml};

fn project() -> Project {
    let project = Project::new()
        .yaml(&tasks_yaml("A: ", &["A: {outputs: [A.txt]}"]))
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a')"));
    let keys = [
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "hidden"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    keys.iter().fold(project, |project, (name, value)| project.with_env(name, value))
}

/// An AWS that answers every request alike; returns its address.
fn answering(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("its address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut asked = [0; 8192];
            drop(stream.read(&mut asked));
            let head = format!("HTTP/1.1 {status}\r\ncontent-type: text/xml\r\nconnection: close\r\n");
            let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    address
}

#[test]
fn words_that_make_no_sense_are_refused_before_anybody_is_asked() {
    let project = project();
    let deploy = |words: &[&str]| project.kptn(&[&["deploy", "aws", "--yes"], words].concat()).exits(2);
    deploy(&["--stack", "1st"]).says("`1st` can be no name of a stack");
    deploy(&["-p", "MaxVcpus"]).says("`MaxVcpus` is no `NAME=VALUE`").says("--parameter MaxVcpus=64");
    deploy(&["-p", "Machines=no"]).says("`Machines` is not yours to give");
    deploy(&["--destroy", "-p", "MaxVcpus=1"]).says("cannot be used with");
    deploy(&["--no-image", "--rebuild"]).says("cannot be used with");
    assert!(!project.exists("flows/aws/template.yaml") && !project.exists("Dockerfile"));

    // What was edited is not deployed as if it had not been.
    project.kptn(&["render", "--runner", "stepfunctions"]).succeeds();
    project.edit("flows/g.asl.json", "\"StartAt\": \"run", "\"StartAt\":  \"run");
    deploy(&[]).says("g.asl.json` was edited by hand").says("--replace");
}

#[test]
fn credentials_that_are_too_old_or_not_there_are_said_so_and_nothing_is_deployed() {
    let refused = "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security token \
                   included in the request is expired</Message></Error></ErrorResponse>";
    let project = project().with_env("AWS_ENDPOINT_URL", &answering("403 Forbidden", refused));
    let told = project.kptn(&["deploy", "aws", "--yes"]).exits(4);
    told.says("no region is said").says("settings.aws");

    let project = project.with_env("AWS_REGION", "eu-west-1");
    let before = project.read("kptn.yaml");
    let told = project.kptn(&["deploy", "aws", "--yes"]).exits(4);
    told.says("AWS did not say who you are").says("is expired").says("aws sso login");
    project.kptn(&["deploy", "aws", "--dry-run"]).exits(4);
    project.kptn(&["deploy", "aws", "--destroy", "--yes"]).exits(4);
    assert_eq!(project.read("kptn.yaml"), before);
}
