//! `kptn deploy aws` as far as it comes without AWS: words, refusals, and what AWS says when it lets nobody in.
//!
//! What it does there, tests/aws/deploys.py tries in an emulator.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::support::{Output, Project, python_task, tasks_yaml};

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

/// A project whose HOME has nothing of AWS.
fn without_credentials() -> Project {
    let project = Project::new().yaml(&tasks_yaml("A: ", &["A: {outputs: [A.txt]}"]));
    project.with_env("AWS_EC2_METADATA_DISABLED", "true").with_env("AWS_REGION", "eu-west-1")
}

/// Deploys in vain; what is said has no debugging text in it, and no line twice.
fn deploy_in_vain(project: &Project, words: &[&str]) -> Output {
    let told = project.kptn(&[&["deploy", "aws", "--yes"], words].concat()).exits(4);
    for debugging in ["Error {", "Some(", "source:", "dispatch failure"] {
        assert!(!told.stderr.contains(debugging), "{debugging} in {}", told.stderr);
    }
    let line = told.stderr.lines().find(|line| line.starts_with("error:")).expect("an error");
    let parts: Vec<&str> = line.split(": ").collect();
    let distinct: std::collections::BTreeSet<&&str> = parts.iter().collect();
    assert_eq!(parts.len(), distinct.len(), "{line}");
    told
}

const EXPIRED: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security token \
                       included in the request is expired</Message></Error></ErrorResponse>";
const DENIED: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User ada may not do \
                      sts:GetCallerIdentity</Message></Error></ErrorResponse>";

#[test]
fn a_profile_that_is_not_there_is_named_with_the_files_that_were_read() {
    let project = without_credentials();
    let none = |project: &Project, words: &[&str], profile: &str| {
        let told = deploy_in_vain(project, words);
        told.says(&format!("there is no profile `{profile}` in `"))
            .says("/.aws/credentials`")
            .says(&format!("`aws configure sso --profile {profile}` makes it"))
    };
    none(&project, &["--profile", "team"], "team")
        .says("/.aws/config` or `")
        .says("`settings.aws.profile` or AWS_PROFILE names another one");
    let project = project.with_env("AWS_PROFILE", "other");
    none(&project, &[], "other");
    // Keys of the environment win over a profile of the environment, as everywhere.
    let project = project
        .with_env("AWS_ACCESS_KEY_ID", "key")
        .with_env("AWS_SECRET_ACCESS_KEY", "hidden")
        .with_env("AWS_ENDPOINT_URL", &answering("403 Forbidden", DENIED));
    deploy_in_vain(&project, &[]).says("User ada may not do sts:GetCallerIdentity").says("lists the rights");

    let file = project.file("aws-config", "[profile team]\nregion = eu-west-1\n");
    let file = file.with_env("AWS_CONFIG_FILE", "aws-config");
    none(&file, &["--profile", "late"], "late").says("in `aws-config` or `");
    deploy_in_vain(&file, &["--profile", "team"])
        .says("the profile `team` gives no credentials of AWS: ")
        .says("`aws sso login --profile team` logs in");
}

#[test]
fn nobody_to_ask_as_and_nobody_who_answers_are_said_in_one_line() {
    let project = without_credentials();
    deploy_in_vain(&project, &[])
        .says("error: no credentials of AWS: ")
        .says("`aws sso login`")
        .says("AWS_ACCESS_KEY_ID");
    let keys = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "hidden")];
    let project = keys.iter().fold(project, |project, (name, value)| project.with_env(name, value));
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let project = project.with_env("AWS_ENDPOINT_URL", &format!("http://{closed}"));
    deploy_in_vain(&project, &[])
        .says("AWS in eu-west-1 could not be asked to say who you are: ")
        .says("refused")
        .says("is the region `eu-west-1` one of AWS's?");
}

#[test]
fn credentials_that_are_too_old_or_not_there_are_said_so_and_nothing_is_deployed() {
    let project = project().with_env("AWS_ENDPOINT_URL", &answering("403 Forbidden", EXPIRED));
    let told = project.kptn(&["deploy", "aws", "--yes"]).exits(4);
    told.says("no region of AWS is said").says("settings.aws.region").says("AWS_REGION");

    let project = project.with_env("AWS_REGION", "eu-west-1");
    let before = project.read("kptn.yaml");
    let told = project.kptn(&["deploy", "aws", "--yes"]).exits(4);
    told.says("AWS did not say who you are").says("is expired").says("`aws sso login`, or new keys");
    let project = project
        .file("aws-config", "[profile team]\naws_access_key_id = key\naws_secret_access_key = hidden\n")
        .with_env("AWS_CONFIG_FILE", "aws-config");
    deploy_in_vain(&project, &["--profile", "team"])
        .says("is expired")
        .says("`aws sso login --profile team`");
    project.kptn(&["deploy", "aws", "--dry-run"]).exits(4);
    project.kptn(&["deploy", "aws", "--destroy", "--yes"]).exits(4);
    assert_eq!(project.read("kptn.yaml"), before);
}
