"""Django in one file: `gunicorn django_app:application`. In a project the class goes into MIDDLEWARE."""

import json
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

from driftlog.shipping import PredictionLogger
from driftlog.shipping.request_log import RequestLog

settings.configure(ROOT_URLCONF=__name__, MIDDLEWARE=[f"{__name__}.Driftlog"], ALLOWED_HOSTS=["localhost"])
log = PredictionLogger("churn", version="1.4", url=os.environ.get("DRIFTLOG_URL", "http://127.0.0.1:9280"))


class Driftlog:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.driftlog = RequestLog(log, request.headers.get("traceparent"), {"http_route": request.path})
        return self.get_response(request)

    def process_exception(self, request, exception):
        request.driftlog.log_error(exception)  # Django answers as it always does


def predict(request):
    request.driftlog.features = features = json.loads(request.body)  # known even if the model fails
    probability = min(1.0, 10 / features["tenure"])  # your model
    return JsonResponse({"id": request.driftlog.log(features, int(probability > 0.5), score=probability)})


urlpatterns = [path("predict", predict)]
application = get_wsgi_application()
