# encoding: utf-8
#
# Script of Logstash's ruby filter: one request with CloudEvents -> a document for each request, response or feedback of a
# model that Seldon Core or KServe has logged. They are forwarded as they are; driftlog's worker pairs them.
#
# Attributes are headers (binary form), or keys of an object (application/cloudevents+json) or of each object of an array
# (application/cloudevents-batch+json). This does what driftlog's intake does; tests/conformance/intake holds both to it.

def register(params)
  require ::File.join(params.fetch("home"), "filters", "driftlog.rb")
  @rules = Driftlog::Rules.new(params)
end

EVENT_TYPES = {
  "io.seldon.serving.inference.request" => "request",
  "io.seldon.serving.inference.response" => "response",
  "io.seldon.serving.feedback" => "feedback",
  "org.kubeflow.serving.inference.request" => "request",
  "org.kubeflow.serving.inference.response" => "response",
  "org.kubeflow.serving.feedback" => "feedback"
}.freeze
MAX_REQUEST_ID_BYTES = 256
MAX_DEPTH = 100
STRUCTURED = "application/cloudevents"
BATCH = "application/cloudevents-batch"

def filter(event)
  body = event.get("message").to_s
  headers = event.get("[@metadata][headers]") || {}
  path = event.get("[url][path]") || headers["request_path"].to_s.partition("?").first
  model = path.to_s[%r{\A/cloudevents/([^/]+)/?\z}, 1].to_s
  source = event.get("[@metadata][driftlog_source]") || "http"
  batch = Digest::SHA256.hexdigest("#{path}\n#{headers.select { |name, _| name.start_with?('ce_') }.sort.inspect}\n#{body}")
  now = Time.now.utc
  events_of(headers, body).each_with_index.map { |(named, raw), index| store(named, raw, model, source, batch, index + 1, now) }
end

def events_of(headers, body)
  kind = headers["content_type"].to_s
  unless kind.start_with?(STRUCTURED)
    named = headers.each_with_object({}) do |(name, value), found|
      found[name[3..].delete("_")] = unescape(value.to_s) if name.start_with?("ce_")
    end
    return named.empty? && body.empty? ? [] : [[named, body]]
  end
  raws = kind.start_with?(BATCH) && body.strip.start_with?("[") ? Driftlog.array_elements(body.strip) || [body] : [body]
  raws.map { |raw| structured(raw) }
end

def unescape(text)
  found = text.b.gsub(/%(\h\h)/n) { Regexp.last_match(1).hex.chr }.force_encoding(Encoding::UTF_8)
  found.valid_encoding? ? found : found.scrub("\uFFFD")
end

# Attributes and payload of an object; no attributes, and the text itself, where it is none.
def structured(raw)
  return [{}, raw] if Driftlog.too_deep?(raw, MAX_DEPTH + 1)

  found = Driftlog.decode_object(raw)
  named = found.each_with_object({}) do |(name, value), attributes|
    next if %w[data data_base64].include?(name) || value.nil? || value.is_a?(Hash) || value.is_a?(Array)

    attributes[name.downcase] = value.is_a?(String) ? value : LogStash::Json.dump(value)
  end
  if found.key?("data_base64")
    text = found["data_base64"].to_s
    decoded = text.unpack1("m0") rescue text
    return [named, decoded.dup.force_encoding(Encoding::UTF_8)]
  end
  data = found["data"]
  [named, data.is_a?(String) ? data : LogStash::Json.dump(data)]
rescue Driftlog::Refused
  [{}, raw]
end

def store(named, raw, path_model, source, batch, position, now)
  Driftlog.event_of(half(named, raw, path_model, source, now))
rescue Driftlog::Refused => e
  quarantined(e, named, raw, path_model, source, batch, position, now)
rescue StandardError => e
  unforeseen = Driftlog::Refused.new("rejected", "the filter failed on this event: #{e.class}: #{e.message[0, 300]}")
  quarantined(unforeseen, named, raw, path_model, source, batch, position, now)
end

def quarantined(refused, named, raw, path_model, source, batch, position, now)
  names = [request_id_of(named), Driftlog::MODEL_NAME.match?(model_of(named, path_model)) ? model_of(named, path_model) : ""]
  names[0] = "" if names[0].bytesize > MAX_REQUEST_ID_BYTES
  document = Driftlog.quarantine(refused, raw, @rules, now, source, batch, position.to_s, nil, names)
  Driftlog.event_of(document)
end

def request_id_of(named)
  [named["requestid"], named["id"]].find { |id| !Driftlog.blank?(id) }.to_s
end

def model_of(named, path_model)
  path_model.empty? ? named["inferenceservicename"].to_s : path_model
end

def half(named, raw, path_model, source, now)
  if raw.bytesize > @rules.max_event_bytes
    text = "the event has #{raw.bytesize} bytes, more than max_event_bytes (#{@rules.max_event_bytes})"
    raise Driftlog::Refused.new("too_large", text)
  end
  if Driftlog.too_deep?(raw, MAX_DEPTH)
    text = "the payload is nested deeper than #{MAX_DEPTH} levels"
    raise Driftlog::Refused.new("illegal_payload", text, "payload.body")
  end
  kind = EVENT_TYPES[named["type"]]
  if kind.nil?
    text = "ce-type #{named['type'].to_s.inspect[0, 80]} is not one of #{EVENT_TYPES.keys.join(', ')}"
    raise Driftlog::Refused.new("unknown_event_type", text, "type")
  end
  request_id = checked_request_id(named)
  model = checked_model(named, path_model)
  given = named["time"].to_s
  time = given.empty? ? Driftlog.iso(now) : Driftlog.timestamp_of(given, @rules, now)
  body = Driftlog.decode_object(raw)
  id = kind == "feedback" && !Driftlog.blank?(named["id"]) ? named["id"] : request_id
  payload = {
    "kind" => kind, "state" => "waiting", "request_id" => request_id, "time" => given.empty? ? nil : time,
    "type" => named["type"], "source" => named["source"], "service" => named["inferenceservicename"],
    "namespace" => named["namespace"], "endpoint" => named["endpoint"], "node" => named["modelid"],
    "size_bytes" => raw.bytesize
  }.reject { |_, value| Driftlog.blank?(value) }
  payload["body"] = body
  document = {
    "@timestamp" => time, "event" => { "id" => request_id, "ingested" => Driftlog.iso(now) },
    "model" => { "name" => model }, "driftlog" => { "source" => source }, "payload" => payload
  }
  Driftlog::Document.new("#{@rules.prefix}-payloads.#{time[0, 7]}", "#{model}|#{kind}|#{id}", document)
end

def checked_request_id(named)
  id = request_id_of(named)
  if id.empty?
    raise Driftlog::Refused.new("missing_request_id", "the CloudEvent has neither ce-requestid nor ce-id", "id")
  end
  return id if id.bytesize <= MAX_REQUEST_ID_BYTES

  text = "the request id is longer than #{MAX_REQUEST_ID_BYTES} bytes"
  raise Driftlog::Refused.new("illegal_field", text, "payload.request_id")
end

def checked_model(named, path_model)
  name = model_of(named, path_model)
  if name.empty?
    text = "the CloudEvent has no ce-inferenceservicename; name the model in the logger's URL: /cloudevents/MODEL"
    raise Driftlog::Refused.new("missing_model", text, "model.name")
  end
  unless Driftlog::MODEL_NAME.match?(name)
    raise Driftlog::Refused.new("illegal_model_name", "#{name.inspect[0, 80]} is not a model name", "model.name")
  end
  raise Driftlog::Refused.new("unknown_model", "model #{name} is not registered", "model.name") unless @rules.known?(name)

  name
end
