"""CloudFormation: what stands for something in a machine's definition is put in."""
from moto.stepfunctions.models import StateMachine

from . import states


def mend():
    plain = StateMachine.create_from_cloudformation_json.__func__

    def create(cls, resource_name, cloudformation_json, account_id, region_name, **more):
        properties = cloudformation_json.get("Properties", {})
        if "DefinitionString" in properties:
            substitutions = properties.get("DefinitionSubstitutions")
            properties["DefinitionString"] = states.substituted(properties["DefinitionString"], substitutions)
        return plain(cls, resource_name, cloudformation_json, account_id, region_name, **more)

    StateMachine.create_from_cloudformation_json = classmethod(create)
