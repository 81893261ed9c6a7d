"""AWS on this machine: moto's server on 127.0.0.1, in which every job of AWS Batch is a real process.

    python -m emulator --port 5111 --path FOLDER --log FILE [--jobs N]

moto has S3, IAM, EC2, Logs, CloudFormation, DynamoDB and an interpreter of state machines, all in memory and in one
server. What stands in the way of running a machine that kptn rendered is mended here, a module for each service; each
mend says which gap it closes. What still is otherwise than on AWS is in docs/reference/stepfunctions.md.

FILE gets a line of JSON for each process that ended, and for each call of a machine or a job: `{"kind": "job", ...}` and
`{"kind": "call", ...}`.
"""
