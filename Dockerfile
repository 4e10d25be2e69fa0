# syntax=docker/dockerfile:1
# driftlog: one image for the worker, the exporter, the intake, the janitor and the command line.
#
#   docker build -t driftlog .
#   docker build -t driftlog --build-arg EXTRAS=worker,prometheus,mlflow .
#
# The base is named by its version; 3.13 is the newest Python for which every dependency has a wheel, so nothing is compiled.
ARG PYTHON=3.13.7-slim-bookworm

FROM python:${PYTHON} AS build
ARG EXTRAS=worker,prometheus
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
COPY index_templates ./index_templates
COPY logstash ./logstash
COPY kibana ./kibana
COPY deploy/systemd ./deploy/systemd
COPY deploy/prometheus ./deploy/prometheus
COPY deploy/grafana ./deploy/grafana
RUN pip wheel --no-deps --wheel-dir /wheels . \
 && python -m venv /opt/driftlog \
 && wheel="$(ls /wheels/driftlog-*.whl)" \
 && /opt/driftlog/bin/pip install --only-binary=:all: "${wheel}[${EXTRAS}]" \
 && /opt/driftlog/bin/driftlog version

FROM python:${PYTHON}
# A number, so that Kubernetes can see that it is not root; no shell, no home to write to.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin driftlog \
 && install --directory --owner driftlog --group driftlog /var/lib/driftlog
COPY --from=build /opt/driftlog /opt/driftlog
COPY --chmod=0755 deploy/setup/with-secret.sh /usr/local/bin/with-secret
# Data (versions of models, trials, training runs, how far exporters have pushed) and state: a volume in whatever runs it.
ENV PATH=/opt/driftlog/bin:${PATH} PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp DRIFTLOG_HOME=/var/lib/driftlog XDG_STATE_HOME=/var/lib/driftlog NO_COLOR=1
USER 10001:10001
WORKDIR /var/lib/driftlog
# 9280, 9281: intake; 9469: driftlog export prometheus
EXPOSE 9280 9281 9469
# No HEALTHCHECK here: what is healthy differs between a worker, an exporter and a command that ends. docker-compose.yml and
# deploy/kubernetes say it for each.
ENTRYPOINT ["driftlog"]
CMD ["--help"]
