"""Archives without handler code: what their models are given, and what comes back."""

import io
import json

import numpy as np
import pytest
import torch

from ts_sdk import BaseHandler, Request, RequestError

AFFINE = """
    import torch
    from torch import nn

    class Affine(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 1)

        def forward(self, x):
            return self.linear(x)
"""
WEIGHTS = {"linear.weight": torch.tensor([[2.0, 3.0]]), "linear.bias": torch.tensor([1.0])}

SUM = """
    import torch
    from torch import nn

    class Sum(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor, scale=None):
            total = x + y if scale is None else (x + y) * scale
            return {"sum": total, "parts": (x, y)}
"""
LOOKUP = """
    import torch
    from torch import nn

    class Lookup(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(4, 1)
            self.table.weight.data = torch.tensor([[0.0], [10.0], [20.0], [30.0]])

        def forward(self, ids):
            return self.table(ids).sum((1, 2))
"""
MEAN = """
    from torch import nn

    class Mean(nn.Module):
        calls = 0

        def forward(self, pictures):
            Mean.calls += 1
            return {body}
"""


@pytest.fixture
def load(load_folder, saved):
    """Load a model without a handler."""

    def load(model, weights=None, **options):
        files = {"model.py": model, "weights.pt": saved(weights or {})}
        return load_folder(
            files,
            handler="base_handler",
            model_file="model.py",
            serialized_file="weights.pt" if weights else None,
            **options,
        )

    return load


@pytest.fixture
def affine(load):
    """Answers 2a + 3b + 1."""
    return load(AFFINE, WEIGHTS)


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(
    "given",
    [
        [1.0, 1.0],
        [1, 1],
        np.ones(2),
        torch.ones(2, dtype=torch.float64),
        "[1, 1]",
        b"[1.0, 1.0]",
        npy(np.ones(2, np.float16)),
        {"x": [1, 1]},
        Request({"x": [1, 1]}),
        Request({"x": b"[1, 1]", "target": b"0"}),
        Request({"body": {"x": "[1, 1]"}}),
        Request({"data": [1, 1]}),
    ],
    ids=str,
)
def test_numbers_arrive_in_every_form(affine, given):
    assert affine.predict(given) == [6.0]


def test_a_batch_goes_through_the_model_at_once(load):
    model = load(MEAN.format(body="pictures.mean(1)"))
    assert model.predict_batch([[1.0, 3.0], [5.0, 7.0], [2.0, 2.0]]) == [2.0, 6.0, 2.0]
    assert type(model.handler.model).calls == 1


def test_whole_numbers_beside_others_are_in_the_same_batch(affine):
    calls = []
    affine.handler.model.register_forward_pre_hook(lambda _, given: calls.append(given))
    assert affine.predict_batch([[1, 1], [0.5, 0.5], [0, 0]]) == [[6.0], [3.5], [1.0]]
    ((batch,),) = calls
    assert batch.shape == (3, 2)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([1.0, 2.0, 3.0], r"input, float32 \(3,\), in layer linear, Linear\(in_features=2, out"),
        ([[[]]], "got an empty list"),
        ([1.0, float("nan")], "expected finite numbers, got NaN or infinity"),
        ([1e39, 0], "or more than float32 holds"),
        (np.array([1e300, 0]), "or more than float32 holds"),
        ([1, "two"], "expected nested lists of numbers"),
        ("a cat", "5 characters that are none of these"),
        (b"\xff\xd8\xff", "3 bytes that are none of these"),
        ({"z": [1, 1]}, "expected the input x, got an object with the keys 'z'"),
        ({"x": [1, 1], "z": 1}, "expected the input x, got an object with the keys 'x', 'z'"),
        ({"x": ["a"]}, "input x: expected nested lists of numbers"),
        (Request({"target": b"1"}), "got a request without content"),
        (Request({}), "got a request without content"),
        (torch.ones(1, 2, 2, 2, 2, 2), None),
    ],
    ids=str,
)
def test_a_bad_request_is_refused_alone_and_says_what_was_expected(affine, given, words):
    first, bad, last = affine.predict_batch([[1, 1], given, [0, 0]])
    assert (first, last) == ([6.0], [1.0])
    if words is None:  # linear layers take any number of dimensions
        assert np.shape(bad) == (1, 2, 2, 2, 2, 1)
        return
    assert isinstance(bad, RequestError)
    assert (bad.status, bad.index) == (400, 1)
    with pytest.raises(RequestError, match=words) as caught:
        affine.predict(given)
    assert caught.value.message == bad.message


def test_the_cause_of_a_refusal_is_chained(affine):
    with pytest.raises(RequestError) as caught:
        affine.predict([1.0, 2.0, 3.0])
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_several_that_the_model_cannot_take_are_each_refused(affine):
    outcomes = affine.predict_batch([[1.0] * 3, [1.0] * 3, [1.0] * 2, [1.0] * 4])
    assert outcomes[2] == [6.0]
    for index, size in ((0, 3), (1, 3), (3, 4)):
        assert outcomes[index].index == index
        assert f"float32 ({size},)" in outcomes[index].message
    assert [each.status for each in affine.predict_batch([[1.0]] * 3)] == [400] * 3


def test_whole_numbers_stay_whole_for_a_model_that_looks_them_up(load):
    model = load(LOOKUP)
    assert model.predict_batch([[1, 2], [3, 3]]) == [30.0, 60.0]
    good, bad, worse = model.predict_batch([[0, 1], [1, 4], [1.5, 2.0]])
    assert good == 10.0
    assert "int64 (2,), in layer table, Embedding(4, 1): index out of range" in bad.message
    assert "float32 (2,), in layer table, Embedding(4, 1)" in worse.message
    assert (bad.status, worse.status) == (400, 400)


class TestSeveralInputs:
    @pytest.fixture
    def model(self, load):
        return load(SUM)

    def test_go_to_the_model_by_name(self, model):
        assert model.predict({"x": [1.0, 2.0], "y": [3.0, 4.0]}) == {
            "sum": [4.0, 6.0],
            "parts": [[1.0, 2.0], [3.0, 4.0]],
        }

    def test_may_be_parts_of_the_request(self, model):
        answer = model.predict(parts={"y": b"[1.0]", "x": (b"[2.5]", "application/json")})
        assert answer == {"sum": [3.5], "parts": [[2.5], [1.0]]}

    def test_may_come_as_one_file(self, model):
        file = io.BytesIO()
        np.savez(file, x=np.ones(2), y=np.ones(2))
        assert model.predict(file.getvalue())["sum"] == [2.0, 2.0]
        file = io.BytesIO()
        torch.save({"x": torch.ones(1), "y": torch.ones(1)}, file)
        assert model.predict(file.getvalue())["sum"] == [2.0]

    def test_are_batched_with_those_that_are_alike(self, model):
        answers = model.predict_batch(
            [
                {"x": [1.0], "y": [2.0]},
                {"x": [1.0, 2.0], "y": [3.0, 4.0]},
                {"y": [4.0], "x": [3.0], "scale": None},
                {"x": [1.0], "y": [2.0], "scale": [2.0]},
            ]
        )
        assert [answer["sum"] for answer in answers] == [[3.0], [4.0, 6.0], [7.0], [6.0]]

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"x": [1.0]}, "expected the inputs x, y and, if wanted, scale, got an object with"),
            ({"x": [1.0], "y": [1.0], "z": [1.0]}, "got an object with the keys 'x', 'y', 'z'"),
            ([1.0], "expected an object with the inputs x, y, scale, got a list"),
            ({"x": [1.0], "y": "no"}, "input y: expected JSON"),
            ({"x": [1.0], "y": [1.0, 2.0, 3.0, 4.0, 5.0]}, None),
            ({"x": [1.0, 2.0], "y": [1.0, 2.0, 3.0]}, r"x float32 \(2,\), y float32 \(3,\): The s"),
        ],
        ids=str,
    )
    def test_that_are_wrong_are_named(self, model, given, words):
        good = {"x": [1.0], "y": [2.0]}
        first, bad, last = model.predict_batch([good, given, good])
        assert first == last == {"sum": [3.0], "parts": [[1.0], [2.0]]}
        if words is None:  # torch broadcasts
            assert bad["sum"] == [2.0, 3.0, 4.0, 5.0, 6.0]
            return
        with pytest.raises(RequestError, match=words):
            raise bad
        assert (bad.status, bad.index) == (400, 1)

    def test_of_a_scripted_model_are_known_too(self, load_folder, script, save_scripted, tmp_path):
        class Difference(torch.nn.Module):
            def forward(self, x: torch.Tensor, y: torch.Tensor):
                return x - y

        path = save_scripted(script(Difference()), tmp_path / "scripted.pt")
        model = load_folder(
            {"scripted.pt": path.read_bytes()},
            handler="base_handler",
            serialized_file="scripted.pt",
        )
        good, bad = model.predict_batch([{"y": [1.0], "x": [3.0]}, {"x": [1.0]}])
        assert good == [2.0]
        assert "expected the inputs x, y, got an object with the keys 'x'" in bad.message
        (broken,) = model.predict_batch([{"x": [1.0, 2.0], "y": [1.0, 2.0, 3.0]}])
        assert "must match the size of tensor b (3) at non-singleton dimension" in broken.message


def test_a_model_that_takes_a_dict_is_given_one(load):
    model = load(
        """
        import torch
        from torch import nn

        class Difference(nn.Module):
            def forward(self, inputs: dict[str, torch.Tensor]):
                return inputs["a"] - inputs["b"]
        """
    )
    good, nested, bad, incomplete = model.predict_batch(
        [{"a": [5.0], "b": [1.0]}, {"inputs": {"b": 1.0, "a": 3.0}}, [1.0], {"a": [5.0]}]
    )
    assert (good, nested) == ([4.0], 2.0)
    assert "expected an object with inputs by name, got a list" in bad.message
    assert "the model needs the input 'b', and got a" in incomplete.message
    assert (bad.status, incomplete.status) == (400, 400)


SQUARES = [[[1.0] * n] * n for n in (2, 3, 2)]


class TestShapesThatDiffer:
    def test_are_answered_as_alone_and_in_order(self, load):
        model = load(MEAN.format(body="pictures.sum((1, 2))"))
        assert model.predict_batch(SQUARES) == [4.0, 9.0, 4.0]
        assert type(model.handler.model).calls == 2

    def test_may_have_answers_that_differ_in_shape(self, load):
        model = load(MEAN.format(body="{'twice': pictures * 2, 'n': pictures.sum((1, 2))}"))
        answers = model.predict_batch(SQUARES)
        assert [answer["n"] for answer in answers] == [4.0, 9.0, 4.0]
        assert answers[1]["twice"] == [[2.0] * 3] * 3
        assert answers[2] == model.predict(SQUARES[2])

    def test_reach_a_postprocess_of_its_own_as_one_batch(self, load_folder):
        files = {
            "model.py": MEAN.format(body="pictures.sum((1, 2))"),
            "handler.py": """
                from ts_sdk import BaseHandler
                class Largest(BaseHandler):
                    def postprocess(self, data):
                        return (data / data.max()).tolist()
            """,
        }
        model = load_folder(files, model_file="model.py")
        assert model.predict_batch(SQUARES) == [pytest.approx(n / 9) for n in (4, 9, 4)]

    def test_are_answered_apart_where_an_inference_of_its_own_takes_one_tensor(self, load_folder):
        files = {
            "model.py": MEAN.format(body="pictures.sum((1, 2))"),
            "handler.py": """
                from ts_sdk import BaseHandler
                class Own(BaseHandler):
                    def inference(self, data):
                        return super().inference(data + 1)
            """,
        }
        model = load_folder(files, model_file="model.py")
        assert model.predict_batch(SQUARES) == [8.0, 18.0, 8.0]


class TestSubclasses:
    @pytest.fixture
    def load_handler(self, load_folder, saved):
        def load_handler(handler):
            files = {"model.py": AFFINE, "weights.pt": saved(WEIGHTS), "handler.py": handler}
            return load_folder(files, model_file="model.py", serialized_file="weights.pt")

        return load_handler

    def test_may_hand_on_numbers_of_their_own(self, load_handler):
        """What TorchServe's own preprocess was: `torch.as_tensor` of whatever it is given."""
        model = load_handler(
            """
            from ts_sdk import BaseHandler
            class Own(BaseHandler):
                def preprocess(self, data):
                    crops = [[n, n] for row in data for n in (row["body"], row["body"] + 1.0)]
                    return super().preprocess(crops)
                def postprocess(self, data):
                    answers = super().postprocess(data)
                    return [answers[n : n + 2] for n in range(0, len(answers), 2)]
            """
        )
        assert model.predict_batch([1.0, 2.0]) == [[[6.0], [11.0]], [[11.0], [16.0]]]

    def test_may_go_on_with_what_was_read_of_the_rows(self, load_handler):
        model = load_handler(
            """
            from ts_sdk import BaseHandler
            class Own(BaseHandler):
                def preprocess(self, data):
                    return super().preprocess(data) + 1
            """
        )
        good, bad, different, last = model.predict_batch([[0, 0], "no", [1, 1, 1], [1, 1]])
        assert (good, last) == ([6.0], [11.0])
        assert (bad.status, different.status) == (400, 503)

    def test_that_loop_over_their_rows_are_left_alone(self, load_handler):
        model = load_handler(
            """
            from ts_sdk import BaseHandler
            class Own(BaseHandler):
                def handle(self, data, context):
                    return [
                        self.postprocess(self.inference(self.preprocess([row])))[0] for row in data
                    ]
            """
        )
        assert model.predict_batch([[1, 1], [0, 0]]) == [[6.0], [1.0]]
        good, bad = model.predict_batch([[1, 1], "no"])
        assert good == [6.0]
        assert bad.status == 400

    def test_whose_own_code_fails_are_not_taken_for_a_bad_request(self, load_handler):
        model = load_handler(
            """
            from ts_sdk import BaseHandler
            class Own(BaseHandler):
                def preprocess(self, data):
                    return super().preprocess(data)[:, :1]
            """
        )
        with pytest.raises(RequestError, match="the handler failed in inference: RuntimeError"):
            model.predict([1.0, 1.0])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("pictures.sum()", "one number for the whole batch"),
        ("pictures.flatten()", r"shape \(4,\) for 2 requests"),
        ("pictures[:, 0].tolist()[:1]", "a list of 1 for 2 requests"),
    ],
)
def test_an_output_that_is_not_one_for_each_request_is_the_handlers_fault(load, body, words):
    outcomes = load(MEAN.format(body=body)).predict_batch([[1.0, 2.0], [3.0, 4.0]])
    assert [outcome.status for outcome in outcomes] == [503, 503]
    with pytest.raises(RequestError, match=words):
        raise outcomes[0]


@pytest.mark.parametrize("error", ["MemoryError('m')", "NotImplementedError('n')", "KeyError('k')"])
def test_an_error_that_no_input_can_be_blamed_for_is_the_handlers(load, error):
    model = load(MEAN.format(body=f"(_ for _ in ()).throw({error})"))
    (outcome,) = model.predict_batch([[1.0]])
    assert outcome.status in {503, 507}


def test_a_model_in_half_precision_is_given_the_same(load):
    model = load(AFFINE, WEIGHTS, precision="bfloat16")
    good, last = model.predict_batch([[1, 1], [0.0, 0.0]])
    assert (good, last) == ([6.0], [1.0])


def test_a_request_of_a_wrong_shape_is_refused_in_half_precision_too(load):
    model = load(AFFINE, WEIGHTS, precision="bfloat16")
    good, bad = model.predict_batch([[1, 1], [1, 1, 1]])
    assert good == [6.0]
    assert (bad.status, bad.index) == (400, 1)


def test_a_compiled_model_says_itself_what_it_takes(load_folder):
    class Difference(torch.nn.Module):
        def forward(self, x, y):
            return x - y

    program = torch.export.export(Difference(), (torch.ones(1, 2), torch.ones(1, 2)))
    file = io.BytesIO()
    torch.export.save(program, file)
    model = load_folder(
        {"program.pt2": file.getvalue()}, handler="base_handler", serialized_file="program.pt2"
    )
    assert model.predict({"y": [1, 2], "x": [5.0, 7.0]}) == [4.0, 5.0]
    with pytest.raises(RequestError, match="expected the inputs x, y, got an object with the key"):
        model.predict({"x": [1, 2]})
    with pytest.raises(RequestError, match=r"input x must be float32 \(1, 2\), got float32 \(1"):
        model.predict({"x": [1, 2, 3], "y": [1, 2]})


def test_outside_of_handle_errors_are_torchs_own(affine):
    handler = affine.handler
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        handler.inference(torch.ones(1, 3))
    with pytest.raises(RequestError, match="expected numbers"):
        handler.preprocess([{"body": None}])
    assert handler.postprocess(handler.inference(handler.preprocess([{"body": [1, 1]}]))) == [[6.0]]


def test_without_a_model_numbers_are_as_they_come():
    handler = BaseHandler()
    handler.device = torch.device("cpu")
    assert handler.preprocess([{"body": [1, 2]}]).dtype is torch.int64
    assert json.dumps(handler.postprocess(torch.ones(1))) == "[1.0]"
