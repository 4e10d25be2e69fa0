"""gRPC: an interceptor logs every unary call of a server: features, answer, time, errors. `python grpc_server.py`"""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import grpc

from driftlog.shipping import PredictionLogger, monitor

log = PredictionLogger("churn", version="1.4", url=os.environ.get("DRIFTLOG_URL", "http://127.0.0.1:9280"))


class Driftlog(grpc.ServerInterceptor):
    def intercept_service(self, continuation, details):
        handler = continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler
        watch = monitor(log, features="request")
        return grpc.unary_unary_rpc_method_handler(
            watch(handler.unary_unary), handler.request_deserializer, handler.response_serializer
        )  # with generated messages: features=lambda request, context: MessageToDict(request)


def predict(request, _context):
    return {"score": min(1.0, 10 / request["tenure"])}  # your model


def serve(address: str) -> tuple[grpc.Server, int]:
    server = grpc.server(ThreadPoolExecutor(4), interceptors=[Driftlog()])
    method = grpc.unary_unary_rpc_method_handler(predict, json.loads, lambda answer: json.dumps(answer).encode())
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("Churn", {"Predict": method})])
    port = server.add_insecure_port(address)
    server.start()
    return server, port


if __name__ == "__main__":
    serve("127.0.0.1:50051")[0].wait_for_termination()
