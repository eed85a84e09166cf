"""Threads in processes count to an exact total in the program that started them."""

from concurrent.futures import ThreadPoolExecutor

from ts_sdk.metrics import Dimension

PROCESSES, THREADS, EACH = 4, 8, 250

HANDLER = f"""
    import contextvars
    import threading

    from ts_sdk.metrics import Dimension


    class Counting:
        def initialize(self, context):
            self.cats = context.metrics.counter("Cats", dimensions={{"kind": "tabby"}})
            for _ in range(1000):
                context.metrics.counter("Starts", dimensions={{"kind": "cold"}}).inc()

        def handle(self, data, context):
            metrics = context.metrics

            def count():
                for _ in range({EACH}):
                    self.cats.inc()
                    metrics.histogram("Boxes", buckets=[1, 5]).observe(3)
                    metrics.add_counter("Dogs", 2, 0, [Dimension("kind", "poodle")])

            threads = [
                threading.Thread(target=contextvars.copy_context().run, args=(count,))
                for _ in range({THREADS})
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return [row["body"] for row in data]
"""


def test_eight_threads_in_each_of_four_processes(load_folder):
    models = [
        load_folder({"handler.py": HANDLER}, name=f"cat{number}", isolation="process")
        for number in range(PROCESSES)
    ]
    with ThreadPoolExecutor(PROCESSES) as pool:
        answers = list(pool.map(lambda model: model.predict_batch(["a", "b"]), models))
    assert answers == [["a", "b"]] * PROCESSES
    for model in models:
        metrics = model.metrics
        assert metrics["Starts"].value == 1000
        assert metrics["Cats"].value == THREADS * EACH
        assert metrics["Boxes"].buckets[1] == 0
        assert metrics["Boxes"].buckets[5] == metrics["Boxes"].count == THREADS * EACH
        assert metrics["Dogs"].value == 2 * THREADS * EACH
        assert {place[0] for place in metrics["Cats"].series} == {("kind", "tabby")}
        poodle = Dimension("kind", "poodle")
        assert {place[0] for place in metrics["Dogs"].series} == {(poodle.name, poodle.value)}
    total = sum(model.metrics["Cats"].value for model in models)
    assert total == PROCESSES * THREADS * EACH
