"""CloudFormation: what it makes of a template, where moto makes something else or nothing."""
import json

import boto3
from moto.ecr.models import Repository
from moto.iam.models import Role
from moto.stepfunctions.models import StateMachine

from . import processes, states


def mend():
    _definitions()
    _names_of_repositories()
    _policies()


def _names_of_repositories():
    """AWS makes a name in small letters where none is given."""
    plain = Repository.create_from_cloudformation_json.__func__

    def create(cls, resource_name, *args, **more):
        return plain(cls, resource_name.lower(), *args, **more)

    Repository.create_from_cloudformation_json = classmethod(create)


def _policies():
    """A role's policy is JSON."""
    plain = Role.put_policy

    def put(role, name, policy):
        return plain(role, name, policy if isinstance(policy, str) else json.dumps(policy))

    Role.put_policy = put


def _definitions():
    """A machine's definition is read from the bucket, and what stands for something in it is put in."""
    plain = StateMachine.create_from_cloudformation_json.__func__
    plain_update = StateMachine.update_from_cloudformation_json.__func__

    def create(cls, resource_name, cloudformation_json, account_id, region_name, **more):
        filled(cloudformation_json.get("Properties", {}), region_name)
        return plain(cls, resource_name, cloudformation_json, account_id, region_name, **more)

    def update(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
        filled(cloudformation_json.get("Properties", {}), region_name)
        return plain_update(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name)

    def filled(properties, region_name):
        place = properties.get("DefinitionS3Location")
        if place:
            s3 = boto3.client("s3", endpoint_url=processes.address(), region_name=region_name,
                              aws_access_key_id="cloudformation", aws_secret_access_key="secret")
            found = s3.get_object(Bucket=place["Bucket"], Key=place["Key"])["Body"].read().decode()
            substitutions = properties.get("DefinitionSubstitutions")
            properties["DefinitionString"] = states.substituted(found, substitutions)

    StateMachine.create_from_cloudformation_json = classmethod(create)
    StateMachine.update_from_cloudformation_json = classmethod(update)
