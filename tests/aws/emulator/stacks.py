"""CloudFormation: a stack is made, changed, rolled back and removed a resource at a time, with events, while its caller looks.

moto does all of it at once, within the call; it neither rolls back nor sees what a condition or a parameter changes, and
its change sets list what is in a template. So this is done here; what a resource is, is moto's. A file that is named for a
resource, in the folder `--stacks`, holds it up while it is there; with a text in it, the resource fails, and says that.
"""
import copy
import json
import pathlib
import threading
import time
import traceback

import moto.cloudformation.models as models
import moto.cloudformation.parsing as parsing
import moto.cloudformation.responses as responses
from moto.batch.models import batch_backends
from moto.cloudformation.exceptions import AlreadyExistsException, CloudFormationError, ValidationError

_folder = None
# What a change of these means; all else of moto's stays as it was made.
ANEW = {"AWS::Batch::JobDefinition"}
CHANGED = {"AWS::StepFunctions::StateMachine"}
KEPT = {"Retain", "RetainExceptOnCreate"}


def mend(folder):
    global _folder
    _folder = pathlib.Path(folder)
    _conditions_are_read()
    _change_sets_are_of_stacks()
    backend = models.CloudFormationBackend
    backend.execute_change_set = _execute_change_set
    backend.create_stack = _create_stack
    backend.delete_stack = _delete_stack
    given = lambda stack: [{"ParameterKey": key, "ParameterValue": _said(value)} for key, value in stack.stack_parameters.items()]
    models.Stack.parameter_list = property(given)
    models.ChangeSet.diff = lambda self: _changes(self.stack, self.template_dict, self.parameters)
    responses.CloudFormationResponse._validate_different_update = lambda *given: None
    plain = backend.create_change_set

    def create_change_set(self, stack_name, change_set_name, *args, **more):
        there = [stack for stack in self.stacks.values() if stack.name == stack_name]
        if any(one.change_set_name == change_set_name and one.stack in there for one in self.change_sets.values()):
            raise AlreadyExistsException("ChangeSet %s already exists" % change_set_name)
        if more["change_set_type"] == "CREATE":
            if any(stack.status != "REVIEW_IN_PROGRESS" for stack in there):
                raise AlreadyExistsException("Stack %s already exists" % stack_name)
        elif any(stack.status.endswith("_IN_PROGRESS") or stack.status == "ROLLBACK_COMPLETE" for stack in there):
            raise ValidationError(message="Stack:%s is in %s state and can not be updated." % (stack_name, there[0].status))
        made = plain(self, stack_name, change_set_name, *args, **more)
        change_set = self.change_sets[made[0]]
        if more["change_set_type"] == "CREATE" and there:
            # A stack that is only looked at is one for all who look.
            del self.stacks[change_set.stack.stack_id]
            change_set.stack, change_set.stack_id = there[0], there[0].stack_id
            self.stacks[there[0].stack_id] = there[0]
        if not change_set.changes:
            change_set.status, change_set.execution_status = "FAILED", "UNAVAILABLE"
            change_set.status_reason = "The submitted information didn't contain changes. Submit different information to create a change set."
        else:
            change_set.status, change_set.execution_status = "CREATE_COMPLETE", "AVAILABLE"
        return made

    backend.create_change_set = create_change_set


def _conditions_are_read():
    """`!Condition` within another condition, which moto takes for a function."""
    plain = parsing.parse_condition

    def named(piece):
        if isinstance(piece, dict):
            return {("Condition" if key == "Fn::Condition" else key): named(value) for key, value in piece.items()}
        return [named(one) for one in piece] if isinstance(piece, list) else piece

    parsing.parse_condition = lambda condition, resources, conditions: plain(named(condition), resources, conditions)


class ChangeSetNotFound(CloudFormationError):
    code = "ChangeSetNotFound"


def _change_sets_are_of_stacks():
    """moto finds one by its name alone, whatever the stack."""
    handler = responses.CloudFormationResponse

    def found(self, missing=True):
        backend, name, stack = self.cloudformation_backend, self._get_param("ChangeSetName"), self._get_param("StackName")
        for key, one in backend.change_sets.items():
            if key == name or (one.change_set_name == name and one.stack.name == stack):
                return key
        if missing:
            raise ChangeSetNotFound("ChangeSet [%s] does not exist" % name)

    def describe(self):
        return responses.ActionResult(self.cloudformation_backend.change_sets[found(self)])

    def delete(self):
        self.cloudformation_backend.change_sets.pop(found(self, missing=False), None)
        return responses.EmptyResult()

    def execute(self):
        self.cloudformation_backend.execute_change_set(found(self))
        return responses.EmptyResult()

    def listed(self):
        sets, stack = self.cloudformation_backend.change_sets.values(), self._get_param("StackName")
        return responses.ActionResult({"Summaries": [one for one in sets if one.stack.name == stack]})

    handler.describe_change_set, handler.delete_change_set = describe, delete
    handler.execute_change_set, handler.list_change_sets = execute, listed


def _said(value):
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


class Resources(parsing.ResourceMap):
    """The resources of a stack, each of which says when it is made."""

    def __init__(self, stack, template, parameters, told=None):
        self.told, self.order = told, []
        # A previous value comes as what it was understood to be.
        parameters = {name: _said(value) for name, value in parameters.items()}
        super().__init__(stack.stack_id, stack.name, parameters, {}, stack.region_name, stack.account_id,
                         copy.deepcopy(template), cross_stack_resources={})
        if template:
            self.load()

    def active(self):
        conditions = {name: one.get("Condition") for name, one in self._resource_json_map.items()}
        return [name for name, condition in conditions.items() if not condition or self.lazy_condition_map[condition]]

    def __getitem__(self, key):
        new = self.told and key not in self._parsed_resources and key in self._resource_json_map and key in self.active()
        if not new:
            return super().__getitem__(key)
        # What it needs comes first.
        self.resolved(key)
        self.told(key, self.kind(key), "CREATE_IN_PROGRESS")
        made = super().__getitem__(key)
        self._parsed_resources.setdefault(key, made)
        self.order.append(key)
        self.told(key, self.kind(key), "CREATE_COMPLETE")
        return made

    def kind(self, key):
        return self._resource_json_map[key]["Type"]

    def resolved(self, key):
        return parsing.clean_json(self._resource_json_map[key].get("Properties", {}), self)

    def text(self, key):
        return json.dumps(self.resolved(key), sort_keys=True, default=str)


def _resources(stack):
    found = stack.resource_map
    return found if isinstance(found, Resources) else Resources(stack, stack.template_dict, stack.parameters)


def _after(stack, template, parameters, told=None):
    """The resources that a stack would have, with those that it has."""
    old, new = _resources(stack), Resources(stack, template, parameters, told)
    active = new.active()
    for name in old._resource_json_map:
        if name in active and name in old.order:
            new._parsed_resources[name] = old._parsed_resources.get(name)
    return old, new, active


def _changes(stack, template, parameters):
    # What is not there yet has no value: a name stands for it.
    old, new, active = _after(stack, template, parameters)
    there = [name for name in old._resource_json_map if name in old.order]
    for name in active:
        new._parsed_resources.setdefault(name, "{%s}" % name)
    changes = []

    def change(action, name, kind, replacement=None):
        one = models.Change(action, name, kind)
        one.replacement = replacement
        changes.append(one)

    for name in active:
        if name not in there:
            change("Add", name, new.kind(name))
        elif name in old.texts and old.texts[name] != _text(new, name):
            change("Modify", name, new.kind(name), "True" if new.kind(name) in ANEW else "False")
    for name in there:
        if name not in active:
            change("Remove", name, old.kind(name))
    return changes


def _text(resources, name):
    try:
        return resources.text(name)
    except Exception:
        # It asks for what something new will be.
        return "unknown"


def _remembered(resources):
    resources.texts = {name: _text(resources, name) for name in resources.active()}


Resources.texts = {}


def _told(stack):
    def told(name, kind, status, reason=None):
        event = models.Event(stack.stack_id, stack.name, name, name, kind, status, reason, None)
        stack.events.append(event)
        if status.endswith("_IN_PROGRESS") and not status.startswith("ROLLBACK"):
            file = _folder / name
            while file.exists() and not file.read_text():
                time.sleep(0.02)
            if file.exists():
                raise RuntimeError(file.read_text().strip())

    return told


def _become(stack, template_text, parameters, verb):
    """Makes a stack what its template says; on a failure makes it what it was."""
    told = _told(stack)
    template = models.Stack.parse_template(template_text)
    old, new, active = _after(stack, template, parameters, told)
    changed = []
    now = "resource"
    try:
        for name in active:
            now = name
            if name not in new._parsed_resources:
                new[name]
            elif name in old.texts and old.texts[name] != new.text(name):
                told(name, new.kind(name), "UPDATE_IN_PROGRESS")
                changed.append(name)
                new._parsed_resources[name] = _changed(new, name)
                told(name, new.kind(name), "UPDATE_COMPLETE")
        gone = [name for name in reversed(old.order) if name not in active]
        _remembered(new)
        new.order = [name for name in old.order if name in active] + new.order
        stack.resource_map, stack.template, stack.parameters = new, template_text, parameters
        stack._parse_template()
        stack.output_map = stack._create_output_map()
        list(stack.output_map.values())
        _remove(old, gone, told)
        stack.status = verb + "_COMPLETE"
        stack._add_stack_event(stack.status)
    except Exception as error:
        if not isinstance(error, RuntimeError):
            traceback.print_exc()
        failing = next((one for one in reversed(stack.events) if one.resource_status.endswith("_IN_PROGRESS")), None)
        if failing is not None and failing.logical_resource_id != stack.name:
            now = failing.logical_resource_id
        kind = new.kind(now) if now in new._resource_json_map else ""
        told(now, kind, verb + "_FAILED", str(getattr(error, "message", error)))
        back = "ROLLBACK" if verb == "CREATE" else "UPDATE_ROLLBACK"
        stack.status = back + "_IN_PROGRESS"
        stack._add_stack_event(stack.status, "The following resource(s) failed: [%s]." % now)
        # As retained ones are that were just made: those that say so go.
        _remove(new, list(reversed(new.order)), told, keep={"Retain"})
        for name in changed:
            old._parsed_resources[name] = _changed(old, name)
        stack.status = back + "_COMPLETE"
        stack._add_stack_event(stack.status)


def _changed(resources, name):
    kind, found = resources.kind(name), resources._parsed_resources[name]
    if kind in ANEW:
        made = parsing.parse_and_create_resource(name, resources._resource_json_map[name], resources, resources._account_id, resources._region_name)
    elif kind in CHANGED:
        made = parsing.parse_and_update_resource(name, resources._resource_json_map[name], resources, resources._account_id, resources._region_name)
    elif kind == "AWS::IAM::Role":
        for policy in resources.resolved(name).get("Policies", []):
            found.put_policy(policy["PolicyName"], json.dumps(policy["PolicyDocument"]))
        made = found
    else:
        made = found
    return made


def _remove(resources, names, told, keep=KEPT):
    for name in names:
        found, piece = resources._parsed_resources.get(name), resources._resource_json_map[name]
        if piece.get("DeletionPolicy") in keep:
            told(name, piece["Type"], "DELETE_SKIPPED")
            continue
        told(name, piece["Type"], "DELETE_IN_PROGRESS")
        _empty(piece, found, resources)
        try:
            if piece["Type"] == "AWS::Batch::JobQueue":
                # Its name can be taken again.
                batch_backends[resources._account_id][resources._region_name].delete_job_queue(found.name)
            else:
                resources._delete_resource(found, piece)
        except Exception as error:
            # moto has no way to remove some kinds.
            if piece["Type"].startswith("AWS::ECR"):
                raise
            print("not removed:", name, repr(error))
        told(name, piece["Type"], "DELETE_COMPLETE")
        resources._parsed_resources.pop(name, None)


def _empty(piece, found, resources):
    """A repository with images goes only where the template says so."""
    if piece["Type"] == "AWS::ECR::Repository" and found is not None:
        if piece["Properties"].get("EmptyOnDelete"):
            found.images.clear()
        elif found.images:
            raise RuntimeError("The repository with name '%s' cannot be deleted because it still contains images" % found.name)


def _background(work, *given):
    threading.Thread(target=work, args=given, daemon=True).start()


def _execute_change_set(self, change_set_name, stack_name=None):
    change_set = self.describe_change_set(change_set_name)
    if change_set.execution_status != "AVAILABLE":
        raise ValidationError(message="ChangeSet [%s] cannot be executed in its current status" % change_set_name)
    stack, verb = self.stacks[change_set.stack_id], change_set.change_set_type
    stack.status = verb + "_IN_PROGRESS"
    stack._add_stack_event(stack.status, "User Initiated")
    for key in [key for key, one in self.change_sets.items() if one.stack is stack]:
        del self.change_sets[key]
    _background(_become, stack, change_set.template, change_set.parameters, verb)


def _create_stack(self, name, template, parameters, **more):
    """At once, as moto does it."""
    made, _ = self.create_change_set(name, "at-once", template, parameters, "", change_set_type="CREATE")
    change_set = self.change_sets.pop(made)
    change_set.stack._add_stack_event("CREATE_IN_PROGRESS")
    _become(change_set.stack, template, parameters, "CREATE")
    return change_set.stack


def _delete_stack(self, name_or_stack_id):
    for stack in list(self.stacks.values()):
        if name_or_stack_id not in (stack.name, stack.stack_id):
            continue
        for key in [key for key, one in self.change_sets.items() if one.stack is stack]:
            del self.change_sets[key]
        stack.status = "DELETE_IN_PROGRESS"
        stack._add_stack_event(stack.status, "User Initiated")
        _background(_gone, self, stack)


def _gone(backend, stack):
    resources = _resources(stack)
    try:
        _remove(resources, list(reversed(resources.order)), _told(stack))
    except Exception as error:
        failing = stack.events[-1]
        _told(stack)(failing.logical_resource_id, failing.resource_type, "DELETE_FAILED", str(error))
        stack.status = "DELETE_FAILED"
        stack._add_stack_event(stack.status)
        return
    stack._add_stack_event("DELETE_COMPLETE")
    stack.status = "DELETE_COMPLETE"
    backend.deleted_stacks[stack.stack_id] = backend.stacks.pop(stack.stack_id)
