"""Handlers whose answers, batches, life or memory break a promise."""

import os
import random
import threading
import time
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from broken_handlers import Broken
from ts_sdk import BaseHandler


class AnswersNoneForTheLast(BaseHandler):
    def postprocess(self, data):
        return [*super().postprocess(data)[:-1], None]


class AnswersForTheFirstOnly(BaseHandler):
    def postprocess(self, data):
        return super().postprocess(data)[:1]


class AnswersWithObjects(BaseHandler):
    def postprocess(self, data):
        return [{"scores": row} for row in data]


class AnswersWithNan(BaseHandler):
    def postprocess(self, data):
        return [{"score": row[0].item(), "share": (row[0] * 0 / 0).item()} for row in data]


class AnswersInTwoShapes(BaseHandler):
    def postprocess(self, data):
        return [row.tolist() if row[1] > 0 else row[0].item() for row in data]


class AnswersWithMixedLists(BaseHandler):
    def postprocess(self, data):
        return [[row[0].item(), {"difference": row[1].item()}] for row in data]


class ChangesItsRequests(BaseHandler):
    def preprocess(self, data):
        model_input = super().preprocess(data)
        for row in data:
            row["body"][0] = 0.0
        return model_input


class MixesItsRows(BaseHandler):
    def postprocess(self, data):
        return torch.softmax(data, dim=0).tolist()


class IsInTraining(BaseHandler):
    """Its batch norm takes the statistics of the batch, and changes with each."""

    def initialize(self, context):
        super().initialize(context)
        self.model = nn.Sequential(self.model, nn.BatchNorm1d(2)).train()

    def inference(self, data, *args, **kwargs):
        if len(data) == 1:
            return self.model[0](data).detach()
        return super().inference(data, *args, **kwargs)


class SortsItsRows(BaseHandler):
    def postprocess(self, data):
        return sorted(super().postprocess(data))


class FailsAsAWhole(BaseHandler):
    def handle(self, data, context):
        try:
            return super().handle(data, context)
        except ValueError:
            return self.give_up(data, context)

    def preprocess(self, data):
        if any(len(row["body"] or ()) != 2 for row in data):
            raise ValueError("a row does not have two numbers")
        return super().preprocess(data)

    def give_up(self, data, context):
        context.set_all_response_status(400, "bad request")
        return ["bad request" for _ in data]


class AnswersErrorsForAll(BaseHandler):
    """It refuses nothing: one except block answers for the whole batch."""

    def initialize(self, context):
        super().initialize(context)
        self.prepared = True

    def handle(self, data, context):
        if not getattr(self, "prepared", False):
            raise RuntimeError("call initialize() first")
        try:
            return super().handle(data, context)
        except Exception as error:  # noqa: BLE001 - the mistake that it is here for
            return [{"error": str(error)}] * len(data)


class BlamesItself(BaseHandler):
    def preprocess(self, data):
        return torch.stack([torch.tensor([row["body"][0], row["body"][1]]) for row in data])


class AnswersUnprepared:
    """It never looks whether it was initialised."""

    def initialize(self, context):
        pass

    def handle(self, data, context):
        return [{"numbers": len(row["body"])} for row in data]


class FailsUnprepared:
    def initialize(self, context):
        self.factor = 2.0

    def handle(self, data, context):
        return [{"sum": self.factor * sum(row["body"])} for row in data]


class AppendsAtInitialize(BaseHandler):
    factors: ClassVar[list[float]]

    def initialize(self, context):
        super().initialize(context)
        self.factors = [*getattr(self, "factors", []), 2.0]

    def postprocess(self, data):
        return (data * sum(self.factors)).tolist()


class FailsToInitializeAgain(BaseHandler):
    def initialize(self, context):
        if self.initialized:
            raise RuntimeError("the port is taken")
        super().initialize(context)


class SharesItsClass(BaseHandler):
    """How many there are changes what they answer."""

    alive: ClassVar[list[int]] = []

    def initialize(self, context):
        super().initialize(context)
        self.number = len(type(self).alive)
        type(self).alive.append(self.number)

    def postprocess(self, data):
        return (data * (len(type(self).alive))).tolist()


class SharesAGlobal(BaseHandler):
    """Another thread may have put its own numbers there meanwhile."""

    current: ClassVar[Any] = None

    def inference(self, data, *args, **kwargs):
        type(self).current = data
        time.sleep(0.002)
        return super().inference(type(self).current, *args, **kwargs)


class DrawsByTheClock(BaseHandler):
    """A generator of its own, which no test can seed."""

    generator: ClassVar[torch.Generator] = torch.Generator()

    def postprocess(self, data):
        return (data + torch.rand(data.shape, generator=self.generator)).tolist()


class SeedsTheProgram(BaseHandler):
    def inference(self, data, *args, **kwargs):
        torch.manual_seed(7)
        np.random.seed(7)  # noqa: NPY002 - what it is made to do
        random.seed(7)
        return super().inference(data, *args, **kwargs)


class CountsOn(BaseHandler):
    """A later request of the same kind is answered otherwise."""

    count = 0

    def postprocess(self, data):
        self.count += len(data)
        return [[*row.tolist(), float(self.count)] for row in data]


class AnswersOtherwiseLater(BaseHandler):
    """The first request decides what is taken off from all later ones."""

    first = None

    def postprocess(self, data):
        rows = []
        for row in data:
            rows.append((row - (0 if self.first is None else self.first)).tolist())
            self.first = float(row[0])
        return rows


class KeepsItsInput(BaseHandler):
    def preprocess(self, data):
        self.batch = super().preprocess(data)
        return self.batch


class KeepsACache(BaseHandler):
    def initialize(self, context):
        super().initialize(context)
        self.seen = []

    def postprocess(self, data):
        self.seen.append(len(data))
        return super().postprocess(data)


class KeepsItsContext:
    def initialize(self, context):
        self.initialized = True

    def handle(self, data, context):
        if not self.__dict__.get("initialized"):
            raise RuntimeError("initialize() was not called")
        self.context = context
        return [{"sum": sum(row["body"])} for row in data]


class StartsThreads(BaseHandler):
    stop = threading.Event()

    def postprocess(self, data):
        threading.Thread(target=self.stop.wait, daemon=True).start()
        return super().postprocess(data)


class OpensFiles(BaseHandler):
    opened: ClassVar[list[int]] = []

    def postprocess(self, data):
        self.opened.append(os.open(os.devnull, os.O_RDONLY))
        return super().postprocess(data)


class KeepsTensorsElsewhere(BaseHandler):
    elsewhere: ClassVar[list[torch.Tensor]] = []

    def inference(self, data, *args, **kwargs):
        self.elsewhere.append(data)
        return super().inference(data, *args, **kwargs)


class AnswersByDevice(BaseHandler):
    def postprocess(self, data):
        return (data + (self.device.type == "cuda")).tolist()


_ALONE = "gets another answer than alone"
_BESIDE = {"a_bad_request_fails_alone": "beside an empty body, request 0"}
_BLAMED = {"a_bad_request_is_told_so": "got status 503"}
_CRASHES = {
    "an_empty_body_is_no_crash": "got status 503",
    "a_wrong_content_type_is_no_crash": "got status 503",
}
_GROWS = "nothing_grows_over_a_thousand_requests"

ON_CUDA = Broken(AnswersByDevice, {"devices_agree": "on CUDA, the answer to request 0"})
"""It can be caught only where there is CUDA."""

BROKEN = (
    Broken(
        AnswersNoneForTheLast,
        {
            "one_answer_per_request": "request 0 of a batch of 1 got no answer",
            "answers_have_one_shape": "2 kinds: NoneType, list",
            "answers_ignore_batchmates": _ALONE,
            "answers_keep_their_order": "with the batch turned round",
            **_BESIDE,
        },
    ),
    Broken(AnswersForTheFirstOnly, {"one_answer_per_request": "1 answers for 2 requests"}),
    Broken(AnswersWithObjects, {"answers_can_be_sent": "request 0 cannot be sent"}),
    Broken(AnswersWithNan, {"answers_are_finite": "holds nan at $.share"}),
    Broken(AnswersInTwoShapes, {"answers_have_one_shape": "2 kinds: list, number"}),
    Broken(AnswersWithMixedLists, {"answers_have_one_shape": "2 kinds: dict, number"}),
    Broken(
        ChangesItsRequests,
        {
            "requests_are_left_as_they_were": "request 0 was changed: $.body[0]",
            "answers_ignore_batchmates": _ALONE,
            **_BESIDE,
            **_BLAMED,
            **_CRASHES,
        },
    ),
    Broken(MixesItsRows, {"answers_ignore_batchmates": _ALONE, **_BESIDE}),
    Broken(IsInTraining, {"answers_ignore_batchmates": _ALONE, **_BESIDE}),
    Broken(
        SortsItsRows,
        {
            "answers_ignore_batchmates": _ALONE,
            "answers_keep_their_order": "with the batch turned round",
        },
    ),
    Broken(FailsAsAWhole, {"a_bad_request_fails_alone": "request 0 failed too: bad request"}),
    Broken(
        AnswersErrorsForAll,
        {"a_bad_request_fails_alone": "beside an empty body, request 0 gets another answer"},
    ),
    Broken(BlamesItself, _BLAMED | _CRASHES, bad_requests=([1.0],)),
    Broken(
        AnswersUnprepared,
        {"use_before_initialize_says_so": "it answers before initialize()", **_BLAMED},
        model=None,
    ),
    Broken(
        FailsUnprepared,
        {"use_before_initialize_says_so": "it raises AttributeError", **_BLAMED},
        model=None,
    ),
    Broken(AppendsAtInitialize, {"initialize_twice_changes_nothing": "the answers are others"}),
    Broken(FailsToInitializeAgain, {"initialize_twice_changes_nothing": "the port is taken"}),
    Broken(
        SharesItsClass,
        {
            "answers_do_not_depend_on_earlier_requests": "the same request gets another answer",
            "two_threads_do_not_meet": "beside another thread, request",
            "initialize_twice_changes_nothing": "the answers are others",
            "two_models_do_not_meet": "a second model answers otherwise",
        },
    ),
    Broken(SharesAGlobal, {"two_threads_do_not_meet": "beside another thread, request"}),
    Broken(
        DrawsByTheClock,
        {"the_same_request_gets_the_same_answer": "the same requests get other answers"},
    ),
    Broken(SeedsTheProgram, {"random_generators_are_left_alone": "the same numbers whatever"}),
    Broken(CountsOn, {"the_same_request_gets_the_same_answer": "$[0][2]"}),
    Broken(
        AnswersOtherwiseLater,
        {
            "answers_do_not_depend_on_earlier_requests": "the same request gets another answer",
            "answers_ignore_batchmates": _ALONE,
            "answers_keep_their_order": "with the batch turned round",
            **_BESIDE,
            "two_models_do_not_meet": "a second model answers otherwise",
            "two_threads_do_not_meet": "beside another thread, request",
        },
    ),
    Broken(KeepsItsInput, {"nothing_of_a_request_is_kept": "holds self.batch (Tensor)"}),
    Broken(KeepsACache, {"nothing_of_a_request_is_kept": "holds self.seen (list)"}),
    Broken(
        KeepsItsContext,
        {"nothing_of_a_request_is_kept": "holds self.context (Context)", **_BLAMED},
        model=None,
    ),
    Broken(StartsThreads, {_GROWS: "more threads than before"}),
    Broken(OpensFiles, {_GROWS: "1000 more open files than before"}),
    Broken(KeepsTensorsElsewhere, {_GROWS: "more tensors than before"}),
)
