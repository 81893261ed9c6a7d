"""Step Functions: moto's interpreter, mended where it cannot run what AWS runs."""
import datetime
import json
import time
import uuid

import moto.stepfunctions.models as plain_models
import moto.stepfunctions.responses as responses
import moto.stepfunctions.parser.models as models
import moto.stepfunctions.parser.asl.component.common.retry.retrier_decl as retrier
import moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval.resource_eval_s3 as reader
import moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service as service
import moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_batch as of_batch
import moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback as callback
from botocore.exceptions import ClientError
from moto.core.config import default_user_config
from moto.core.responses import ActionResult
from moto.stepfunctions.exceptions import ValidationException
from moto.stepfunctions.parser.api import HistoryEventType, MapRunFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for

LARGEST_INPUT = 262_144


def mend(hurry):
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    _names_of_fields()
    _a_token_for_each_attempt()
    _starts()
    _stops()
    _lists_of_maps()
    _errors_of_batch()
    _fields_of_jobs()
    _executions_of_a_map()
    # Half a second between two looks at a job would be most of a test.
    callback._DELAY_SECONDS_SYNC_CONDITION_CHECK = 0.05
    retrier.time = _Hurried(hurry)
    # CloudFormation makes its machines in the backend that does not run them.
    plain_models.stepfunctions_backends = models.stepfunctions_parser_backends


class _Hurried:
    """Stands for `time` where the interpreter waits before another try."""

    def __init__(self, hurry):
        self.hurry = hurry

    def sleep(self, seconds):
        time.sleep(seconds / self.hurry)


def _names_of_fields():
    """States write `JobName`, the service wants `jobName`; moto has the translation and does not call it."""
    clients = {}

    def operation(self, service_name, action):
        service_name, action = self._get_boto_service_name(service_name), self._get_boto_service_action(action)
        if service_name not in clients:
            clients[service_name] = boto_client_for(region="us-east-1", service=service_name).meta
        meta = clients[service_name]
        name = meta.method_to_api_mapping.get(action)
        return meta.service_model.operation_model(name) if name else None

    def parameters(self, parameters, boto_service_name=None, service_action_name=None):
        found = operation(self, boto_service_name, service_action_name)
        if found is not None and found.input_shape is not None:
            self._to_boto_request(parameters, found.input_shape)

    def response(self, response, boto_service_name=None, service_action_name=None):
        found = operation(self, boto_service_name, service_action_name)
        if found is not None and found.output_shape is not None:
            self._from_boto_response(response, found.output_shape)

    service.StateTaskService._normalise_parameters = parameters
    service.StateTaskService._normalise_response = response


def _a_token_for_each_attempt():
    """moto uses the token of the first attempt again, which is spent, so a second attempt times out."""
    plain = service.StateTaskService._eval_execution

    def execute(self, env):
        waits = callback.ResourceCondition.WaitForTaskToken
        if isinstance(self, callback.StateTaskServiceCallback) and self._is_integration_pattern():
            if waits in self._supported_integration_patterns:
                env.callback_pool_manager.add(env.states.context_object.update_task_token())
        return plain(self, env)

    callback.ResourceCondition = of_batch.ResourceCondition
    service.StateTaskService._eval_execution = execute


def _starts():
    """AWS refuses an input above 256 KiB, and gives each execution a name."""
    plain = models.StepFunctionsParserBackend.start_execution

    def start(self, state_machine_arn, name=None, execution_input=None, trace_header=None):
        if execution_input and len(execution_input.encode()) > LARGEST_INPUT:
            raise ValidationException("input exceeds %d bytes" % LARGEST_INPUT)
        # moto calls it `None` where it has no name.
        return plain(self, state_machine_arn, name or str(uuid.uuid4()), execution_input, trace_header)

    models.StepFunctionsParserBackend.start_execution = start


def _stops():
    """An execution that is stopped has ended; moto says so when the last thread of it has, and some never do."""
    plain = models.StepFunctionsParserBackend.stop_execution

    def stop(self, execution_arn):
        execution = plain(self, execution_arn)
        execution.exec_status, execution.stop_date = models.ExecutionStatus.ABORTED, datetime.datetime.now()
        return execution

    models.StepFunctionsParserBackend.stop_execution = stop


def _lists_of_maps():
    """A list that cannot be read fails the Map by a name that can be caught; moto ends the execution."""
    plain = reader.ResourceEvalS3.eval_resource

    def read(self, env):
        try:
            return plain(self, env)
        except ClientError as error:
            name = StatesErrorName(typ=StatesErrorNameType.StatesItemReaderFailed)
            details = EventDetails(mapRunFailedEventDetails=MapRunFailedEventDetails(error=name.error_name, cause=str(error)))
            event = FailureEvent(env=env, error_name=name, event_type=HistoryEventType.MapRunFailed, event_details=details)
            raise FailureEventException(failure_event=event) from error

    reader.ResourceEvalS3.eval_resource = read


def _errors_of_batch():
    """Two threads of moto get into each other's way now and then, which it answers with a 500 without an id; that ended
    the execution. Of AWS it is a ServerException; and a job is looked at again, which there nobody has to call for."""
    plain, build = of_batch.StateTaskServiceBatch._from_error, of_batch.StateTaskServiceBatch._build_sync_resolver

    def named(self, env, ex):
        if isinstance(ex, ClientError):
            said = ex.response.setdefault("ResponseMetadata", {})
            said.setdefault("RequestId", "0")
            if said.get("HTTPStatusCode", 0) >= 500:
                ex.response["Error"]["Code"] = "ServerException"
        return plain(self, env, ex)

    def resolver(self, *args, **more):
        look = build(self, *args, **more)

        def again():
            try:
                return look()
            except ClientError:
                return None

        return again

    of_batch.StateTaskServiceBatch._from_error = named
    of_batch.StateTaskServiceBatch._build_sync_resolver = resolver


def _fields_of_jobs():
    """AWS refuses a machine with a field that the integration does not know; moto leaves the field out."""
    plain = models.StepFunctionsParserBackend.create_state_machine
    known = of_batch._SUPPORTED_API_PARAM_BINDINGS["submitjob"]

    def check(piece):
        if isinstance(piece, list):
            for one in piece:
                check(one)
        elif isinstance(piece, dict):
            if ":batch:submitJob" in str(piece.get("Resource", "")):
                unknown = {name.removesuffix(".$") for name in piece["Parameters"]} - known
                if unknown:
                    raise ValidationException("submitJob does not support %s" % ", ".join(sorted(unknown)))
            for one in piece.values():
                check(one)

    def create(self, name, definition, *args, **more):
        check(json.loads(definition))
        return plain(self, name, definition, *args, **more)

    models.StepFunctionsParserBackend.create_state_machine = create


def substituted(definition, substitutions):
    """What CloudFormation makes of `${Name}` in a definition."""
    for name, value in (substitutions or {}).items():
        definition = definition.replace("${%s}" % name, value)
    json.loads(definition)
    return definition


def _executions_of_a_map():
    """Children of a Map are no executions here: none is listed, where moto would fail."""
    plain = responses.StepFunctionResponse.list_executions

    def list_executions(self):
        return ActionResult({"executions": []}) if self._get_param("mapRunArn") else plain(self)

    responses.StepFunctionResponse.list_executions = list_executions
