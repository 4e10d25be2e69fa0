# encoding: utf-8
#
# What becomes of one line: the document, its index and its id, or the reason why it goes to quarantine.
#
# This does what driftlog's intake does with the same bytes; tests/conformance/intake says it input by input, and
# holds both to it. `filters/normalise.rb` and `filters/dead_letter.rb` are the scripts that Logstash's ruby filter
# loads; they call this file. Nothing here keeps state, so any number of pipeline workers may run it.

require "bigdecimal"
require "digest"
require "date"
require "securerandom"

module Driftlog
  # An event that cannot be stored as what it claims to be.
  class Refused < StandardError
    attr_reader :reason, :field

    def initialize(reason, message, field = nil)
      super(message)
      @reason = reason
      @field = field
    end
  end

  MODEL_NAME = /\A[a-z0-9][a-z0-9_-]{0,63}\z/
  MAX_ID_BYTES = 512
  MAX_OWN_ID_BYTES = 128
  MAX_RAW_BYTES = 32_768
  MAX_FIELD_NAME = 256
  PERIOD_CHARS = { "day" => 10, "month" => 7, "year" => 4 }.freeze
  KINDS = {
    "driftlog.prediction" => "predictions",
    "driftlog.feedback" => "feedback",
    "driftlog.resource" => "resources"
  }.freeze

  # Types of the known fields, by group; anything else in a group is kept as it is.
  TYPES = {
    "event" => {
      "id" => :keyword, "dataset" => :keyword, "ingested" => :date, "duration" => :long,
      "outcome" => %w[success failure], "hash" => :keyword
    },
    "service" => { "name" => :keyword, "version" => :keyword, "environment" => :keyword },
    "host" => { "name" => :keyword },
    "process" => { "pid" => :long, "name" => :keyword },
    "trace" => { "id" => :keyword },
    "model" => { "name" => :keyword, "version" => :keyword, "variant" => :keyword },
    "driftlog" => { "nonfinite" => :keywords, "shipper" => :keyword, "source" => :keyword },
    "prediction" => {
      "task" => %w[binary multiclass regression], "label" => :keyword, "value" => :double, "score" => :double,
      "probabilities" => :numbers, "attributions" => :numbers
    },
    "subject" => { "id" => :keyword },
    "error" => { "type" => :keyword, "message" => :keyword, "stack_trace" => :keyword },
    "feedback" => {
      "prediction_id" => :keyword, "actual" => :keyword, "actual_value" => :double, "rating" => :double,
      "comment" => :keyword, "source" => :keyword, "answers" => :words
    },
    "resource" => {
      "cpu_percent" => :double, "memory_bytes" => :long, "host_cpu_percent" => :double,
      "host_memory_percent" => :double, "gpu_percent" => :double, "gpu_memory_bytes" => :long,
      "storage_used_bytes" => :long, "storage_used_percent" => :double, "threads" => :long, "open_files" => :long,
      "spool_events" => :long, "spool_bytes" => :long, "events_dropped" => :long
    }
  }.freeze

  TRANSPORT_FIELDS = %w[@metadata @version _@timestamp].freeze
  STRING_FORMS = { "host" => "name", "service" => "name", "error" => "message" }.freeze
  FLAT_ERROR = { "error_type" => "type", "stack_trace" => "stack_trace" }.freeze
  OPEN_NESTED = %w[prediction.probabilities. prediction.attributions.].freeze
  OBJECTS = (TYPES.keys + %w[features labels]).freeze
  NUMBER = /\A\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*\z/
  WHOLE = /\A\s*[+-]?\d+\s*\z/
  ISO_8601 = /\A(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d(?::?\d\d)?)?)?\z/

  # Rules of the installation, from the script's parameters (strings).
  class Rules
    attr_reader :prefix, :period_chars, :max_age_s, :max_ahead_s, :max_event_bytes, :max_features, :models

    def initialize(params)
      @prefix = params.fetch("prefix", "driftlog")
      unless @prefix.match?(/\A[a-z][a-z0-9_-]{0,31}\z/)
        raise ArgumentError, "DRIFTLOG_PREFIX: #{@prefix.inspect} cannot start index names"
      end
      period = params.fetch("period", "month")
      @period_chars = PERIOD_CHARS.fetch(period) do
        raise ArgumentError, "DRIFTLOG_PERIOD: #{period.inspect} is not day, month or year"
      end
      @max_age_s = Float(params.fetch("max_age_days", "730")) * 86_400
      @max_ahead_s = Float(params.fetch("max_ahead_s", "300"))
      @max_event_bytes = Integer(params.fetch("max_event_bytes", "10485760"))
      @max_features = Integer(params.fetch("max_features", "1000"))
      @models = params.fetch("models", "").split(/[\s,]+/).reject(&:empty?)
    end

    def known?(model)
      @models.empty? || @models.include?(model)
    end
  end

  # One document for one index.
  Document = Struct.new(:index, :id, :source)

  module_function

  # ---- lines -------------------------------------------------------------------------------------------------------

  # Lines of an HTTP body: a JSON object, a JSON array, or NDJSON, with their positions.
  def split_body(body, ndjson, first = 1)
    unless ndjson
      text = body.strip
      return split_line(text, first.to_s) if !text.include?("\n") || text.start_with?("[") || one_value?(text)
    end
    lines = []
    body.split("\n", -1).each_with_index do |line, index|
      lines.concat(split_line(line.strip, (first + index).to_s))
    end
    lines
  end

  # One stripped line: nothing when blank, the elements when an array, else itself.
  def split_line(line, position)
    return [] if line.empty?
    return [[line, position]] unless line.start_with?("[")

    elements = array_elements(line)
    return [[line, position]] if elements.nil?

    elements.each_with_index.map { |element, index| [element, "#{position}.#{index + 1}"] }
  end

  # Texts of the elements of a JSON array, found by its brackets and quotes alone; nil when it is not closed.
  def array_elements(text)
    elements = []
    depth = 0
    start = nil
    position = 0
    scanner = /["\[\]{},]|[^"\[\]{},\s]/
    while (position = text.index(scanner, position))
      char = text[position]
      case char
      when '"'
        start ||= position if depth == 1
        close = string_end(text, position)
        return nil if close.nil?

        position = close
      when "[", "{"
        start ||= position if depth == 1
        depth += 1
      when "]", "}"
        depth -= 1
        if depth.zero?
          elements << text[start...position].strip unless start.nil?
          return text[(position + 1)..].strip.empty? ? elements : nil
        end
      when ","
        if depth == 1
          return nil if start.nil?

          elements << text[start...position].strip
          start = nil
        end
      else
        start ||= position if depth == 1
      end
      position += 1
    end
    nil
  end

  def string_end(text, opening)
    position = opening + 1
    while (position = text.index(/["\\]/, position))
      return position if text[position] == '"'

      position += 2
    end
    nil
  end

  def one_value?(text)
    parse(text)
    true
  rescue Refused
    false
  end

  # ---- JSON --------------------------------------------------------------------------------------------------------

  # Levels of brackets of what is read: deeper ones would end JRuby's stack, and Logstash with it.
  MAX_NESTING = 101

  # A text of JSON, or what has begun as one: it matches at every quote, so that the time is linear.
  TEXT = /"(?>(?:[^"\\]+|\\.?)*)"?/mn

  # Whether `raw` has more than `limit` levels of brackets, those in texts aside; found before it is read.
  def too_deep?(raw, limit)
    bytes = raw.b
    return false if bytes.count("[{") <= limit

    depth = 0
    bytes.gsub(TEXT, "").delete("^[]{}").each_byte do |byte|
      depth = byte == 0x5B || byte == 0x7B ? depth + 1 : [depth - 1, 0].max
      return true if depth > limit
    end
    false
  end

  # The JSON value in `text`. It is read as the only element of an array, so that what follows it is noticed.
  def parse(text)
    raise Refused.new("not_json", "the line is nested too deeply") if too_deep?(text, MAX_NESTING)

    values = LogStash::Json.load("[#{without_lone_surrogates(text.delete_prefix("\uFEFF"))}\n]")
    raise Refused.new("not_json", "the line is not JSON: it holds several values") if values.length != 1

    storable(values[0])
  rescue LogStash::Json::ParserError => e
    raise Refused.new("not_json", "the line is not JSON: #{e.message.lines.first.to_s.strip[0, 200]}")
  rescue SystemStackError
    raise Refused.new("not_json", "the line is nested too deeply")
  end

  SURROGATE = /\\u[dD][89a-fA-F]/
  ESCAPE = /\\(?:u[dD][89abAB]\h\h\\u[dD][c-fC-F]\h\h|u([dD][89a-fA-F]\h\h)|.)/m

  # Half a surrogate pair is no character: U+FFFD in its place.
  def without_lone_surrogates(text)
    return text unless SURROGATE.match?(text)

    text.gsub(ESCAPE) { |escape| Regexp.last_match(1) ? "\\ufffd" : escape }
  end

  # A copy in plain hashes, arrays and doubles: Logstash reads 2.5 as a BigDecimal. Numbers beyond a double become the
  # string Infinity.
  def storable(value)
    case value
    when BigDecimal
      storable(value.to_f)
    when Float
      return value if value.finite?

      value.nan? ? nil : (value.positive? ? "Infinity" : "-Infinity")
    when Hash
      value.each_with_object({}) { |(key, each), copy| copy[key.to_s] = storable(each) }
    when Array
      value.map { |each| storable(each) }
    else
      value
    end
  end

  def decode_object(raw)
    unless raw.valid_encoding?
      raise Refused.new("not_json", "the line is not UTF-8")
    end
    value = parse(raw)
    unless value.is_a?(Hash)
      raise Refused.new("not_an_object", "the line is a JSON #{type_name(value)}, not an object")
    end
    value
  end

  def type_name(value)
    case value
    when nil then "null"
    when true, false then "boolean"
    when String then "string"
    when Array then "array"
    else "number"
    end
  end

  # ---- one shape ---------------------------------------------------------------------------------------------------

  # `extra` lifted, dotted names expanded, string forms of groups replaced; in place.
  def lift(event)
    TRANSPORT_FIELDS.each { |name| event.delete(name) }
    lift_extra(event)
    event.keys.select { |key| key.include?(".") }.each { |key| expand(event, key) }
    OBJECTS.each { |name| as_object(event, name) if event.key?(name) }
    lift_flat_error(event)
    event
  end

  def lift_extra(event)
    extra = event["extra"]
    return unless extra.is_a?(Hash)

    event.delete("extra")
    extra.each do |key, value|
      present = event[key]
      if present.nil?
        event[key] = value
      elsif present.is_a?(Hash) && value.is_a?(Hash)
        event[key] = value.merge(present)
      elsif STRING_FORMS.key?(key) && present.is_a?(String) && value.is_a?(Hash)
        event[key] = { STRING_FORMS[key] => present }.merge(value)
      end
    end
  end

  def expand(event, key)
    group, _, rest = key.partition(".")
    return if !OBJECTS.include?(group) || rest.empty?

    value = event.delete(key)
    target = event[group]
    if target.nil?
      target = event[group] = {}
    elsif target.is_a?(String) && STRING_FORMS.key?(group)
      target = event[group] = { STRING_FORMS[group] => target }
    end
    raise illegal(group, target, "is given both as a value and as #{key}") unless target.is_a?(Hash)

    if OPEN_NESTED.any? { |name| key.start_with?(name) }
      inner, _, rest = rest.partition(".")
      target[inner] = {} if target[inner].nil?
      target = target[inner]
      raise illegal("#{group}.#{inner}", target, "is given both as a value and as #{key}") unless target.is_a?(Hash)
    end
    if value.is_a?(Hash) && target[rest].is_a?(Hash)
      target[rest] = value.merge(target[rest])
    else
      target[rest] = value unless target.key?(rest)
    end
  end

  def as_object(event, name)
    value = event[name]
    if value.nil?
      event.delete(name)
    elsif value.is_a?(String) && STRING_FORMS.key?(name)
      event[name] = { STRING_FORMS[name] => value }
    elsif !value.is_a?(Hash) && name != "model"
      raise illegal(name, value, "must be an object")
    end
  end

  def lift_flat_error(event)
    FLAT_ERROR.each do |flat, field|
      value = event[flat]
      next unless value.is_a?(String) && !value.empty?

      error = (event["error"] ||= {})
      error[field] = event.delete(flat) unless error.key?(field)
    end
  end

  # ---- types -------------------------------------------------------------------------------------------------------

  def convert_group(group, values)
    types = TYPES[group]
    values.keys.each do |field|
      value = values[field]
      if value.nil?
        values.delete(field)
      elsif types.key?(field)
        values[field] = convert(value, types[field], "#{group}.#{field}")
      end
    end
  end

  def convert(value, kind, where)
    case kind
    when :keyword then to_keyword(value, where)
    when :double then to_double(value, where)
    when :long
      number = to_double(value, where)
      number.is_a?(Float) ? number.round(half: :even) : number
    when :numbers then to_numbers(value, where)
    when :words then to_words(value, where)
    when :keywords then (value.is_a?(Array) ? value : [value]).map { |each| to_keyword(each, where) }
    when Array
      raise illegal(where, value, "is not one of #{kind.join(', ')}") unless kind.include?(value)

      value
    else value
    end
  end

  def to_keyword(value, where)
    case value
    when String then value
    when true then "true"
    when false then "false"
    when Integer then value.to_s
    when Float then value.to_s.sub(/\.0e/, "e")
    else raise illegal(where, value, "must be a string")
    end
  end

  # A numeric string as a number; other scalars as they are, which Elasticsearch counts as malformed.
  def to_double(value, where)
    raise illegal(where, value, "must be a number") if value.is_a?(Array) || value.is_a?(Hash)
    return value unless value.is_a?(String) && NUMBER.match?(value)

    number = value.to_f
    return value unless number.finite?

    WHOLE.match?(value) ? value.to_i : number
  end

  def to_numbers(value, where)
    raise illegal(where, value, "must be an object of numbers") unless value.is_a?(Hash)

    flatten(value).to_h { |key, each| [key, each.nil? ? nil : to_double(each, "#{where}.#{key}")] }
  end

  def to_words(value, where)
    raise illegal(where, value, "must be an object of words") unless value.is_a?(Hash)

    flatten(value).each_with_object({}) do |(key, each), words|
      words[key] = to_keyword(each, "#{where}.#{key}") unless each.nil?
    end
  end

  # Nested objects as dotted names; an empty object disappears.
  def flatten(value, prefix = "", flat = {})
    value.each do |key, each|
      each.is_a?(Hash) ? flatten(each, "#{prefix}#{key}.", flat) : flat[prefix + key] = each
    end
    flat
  end

  def illegal(where, value, problem)
    shown = value.inspect
    shown = "#{shown[0, 77]}..." if shown.length > 80
    Refused.new("illegal_field", "#{where} #{problem} (got #{shown})", where)
  end

  # ---- one event ---------------------------------------------------------------------------------------------------

  # The document of `raw`; raises `Refused`.
  def normalise(raw, rules, now, source)
    size = raw.bytesize
    if size > rules.max_event_bytes
      text = "the event has #{size} bytes, more than max_event_bytes (#{rules.max_event_bytes})"
      raise Refused.new("too_large", text)
    end
    normalise_object(decode_object(raw), raw, rules, now, source)
  end

  def normalise_object(event, raw, rules, now, source)
    lift(event)
    model = check_model(event)
    keep_actual_number(event)
    TYPES.each_key { |group| convert_group(group, event[group]) if event.key?(group) }
    convert_labels(event)
    message = event["message"]
    event["message"] = LogStash::Json.dump(message) if event.key?("message") && !message.is_a?(String)
    meta = (event["event"] ||= {})
    dataset = meta["dataset"] = dataset_of(event, meta)
    if dataset != "driftlog.resource" && model.empty?
      raise Refused.new("missing_model", "model.name is missing", "model.name")
    end
    timestamp = event["@timestamp"] = timestamp_of(event["@timestamp"], rules, now)
    check(dataset, event, rules)
    id = meta["id"] = id_of(meta, raw)
    meta["ingested"] = iso(now)
    (event["driftlog"] ||= {})["source"] = source
    if !model.empty? && !rules.known?(model)
      raise Refused.new("unknown_model", "model #{model} is not in DRIFTLOG_MODELS", "model.name")
    end
    Document.new(index_of(KINDS[dataset], model, timestamp, rules), id, event)
  end

  def index_of(kind, model, timestamp, rules)
    return "#{rules.prefix}-#{kind}.#{timestamp[0, 7]}" unless kind == "predictions"

    "#{rules.prefix}-predictions.#{model}.#{timestamp[0, rules.period_chars]}"
  end

  def check_model(event)
    model = event["model"]
    name = model.is_a?(Hash) ? model["name"] : nil
    if name.nil? || name == ""
      unless model.nil? || model.is_a?(Hash)
        text = "model.name is missing: model must be an object (got #{model.inspect[0, 80]})"
        raise Refused.new("missing_model", text, "model.name")
      end
      return ""
    end
    return name if name.is_a?(String) && MODEL_NAME.match?(name)

    raise Refused.new("illegal_model_name", "model.name: #{name.inspect[0, 80]} is not a model name", "model.name")
  end

  def dataset_of(event, meta)
    named = meta["dataset"]
    unless named.nil? || named == ""
      return named if KINDS.key?(named)

      text = "event.dataset #{named.inspect[0, 80]} is not one of #{KINDS.keys.join(', ')}"
      raise Refused.new("unknown_dataset", text, "event.dataset")
    end
    return "driftlog.feedback" if event.key?("feedback")
    return "driftlog.prediction" if %w[features prediction error].any? { |name| event.key?(name) }
    return "driftlog.resource" if event.key?("resource")

    text = "event.dataset is missing and there is none of features, prediction, error, feedback, resource"
    raise Refused.new("unknown_dataset", text, "event.dataset")
  end

  def timestamp_of(value, rules, now)
    if value.nil? || value == ""
      raise Refused.new("missing_timestamp", "@timestamp is missing", "@timestamp")
    end
    at = value.is_a?(String) ? parse_time(value) : nil
    if at.nil?
      text = "@timestamp is not an ISO 8601 time (got #{value.inspect[0, 80]})"
      raise Refused.new("illegal_timestamp", text, "@timestamp")
    end
    if now - at > rules.max_age_s
      raise Refused.new("too_old", "@timestamp #{value} is older than #{rules.max_age_s / 86_400} days", "@timestamp")
    end
    if at - now > rules.max_ahead_s
      text = "@timestamp #{value} is more than #{rules.max_ahead_s} s after #{iso(now)}"
      raise Refused.new("in_the_future", text, "@timestamp")
    end
    iso(at)
  end

  # An ISO 8601 date or time in UTC, fractions cut to microseconds, without zone UTC; nil for anything else.
  def parse_time(text)
    match = ISO_8601.match(text)
    return nil if match.nil?

    year, month, day, hour, minute, second = match.captures[0, 6].map { |part| part.to_i }
    return nil if year.zero? || !Date.valid_date?(year, month, day) || hour > 23 || minute > 59 || second > 59

    micros = (match[7] || "").ljust(6, "0")[0, 6].to_i
    offset = offset_of(match[8])
    return nil if offset.nil?

    at = Time.utc(year, month, day, hour, minute, second, micros) - offset
    (1..9999).cover?(at.year) ? at : nil
  end

  def offset_of(zone)
    return 0 if zone.nil? || zone == "Z"

    digits = zone.delete(":")
    hours, minutes = digits[1, 2].to_i, digits[3, 2].to_i
    return nil if hours > 23 || minutes > 59

    (digits[0] == "-" ? -1 : 1) * (hours * 3600 + minutes * 60)
  end

  def iso(time)
    time.utc.strftime("%Y-%m-%dT%H:%M:%S.%6NZ")
  end

  def id_of(meta, raw)
    id = meta["id"]
    return Digest::SHA256.hexdigest(raw) if id.nil? || id.empty?
    raise illegal("event.id", id, "is longer than #{MAX_ID_BYTES} bytes") if id.bytesize > MAX_ID_BYTES

    id
  end

  def convert_labels(event)
    return unless event.key?("labels")

    event["labels"] = flatten(event["labels"]).each_with_object({}) do |(key, value), flat|
      next if value.nil?

      flat[key] = value.is_a?(Array) ? LogStash::Json.dump(value) : to_keyword(value, "labels")
    end
  end

  def keep_actual_number(event)
    feedback = event["feedback"]
    return unless feedback.is_a?(Hash) && feedback["actual"].is_a?(Numeric)

    feedback["actual_value"] = feedback["actual"] unless feedback.key?("actual_value")
  end

  def check(dataset, event, rules)
    case dataset
    when "driftlog.prediction" then check_prediction(event, rules)
    when "driftlog.feedback" then check_feedback(event["feedback"] || {})
    else
      if blank?(event["resource"])
        raise Refused.new("missing_resource", "a resource event without measurements", "resource")
      end
    end
  end

  def check_prediction(event, rules)
    event["features"] = features_of(event["features"], rules) if event.key?("features")
    if %w[features prediction error].all? { |name| blank?(event[name]) }
      raise Refused.new("missing_prediction", "a prediction event without features, prediction or error")
    end
    event["event"]["outcome"] ||= blank?(event["error"]) ? "success" : "failure"
  end

  def features_of(features, rules)
    flat = flatten(features)
    if flat.length > rules.max_features
      text = "#{flat.length} features, more than max_features (#{rules.max_features})"
      raise Refused.new("too_many_fields", text, "features")
    end
    flat.each_key do |name|
      next if feature_name?(name)

      raise Refused.new("illegal_field", "features: #{name.inspect[0, 80]} is not a feature name", "features")
    end
    flat.transform_values { |value| value.is_a?(Array) ? LogStash::Json.dump(value) : value }
  end

  def feature_name?(name)
    name.length.between?(1, MAX_FIELD_NAME) && !name.include?("*") && !name.match?(/\p{C}/) &&
      !name.delete(" ").match?(/\p{Z}/) && name.split(".", -1).none? { |part| part.strip.empty? }
  end

  def check_feedback(feedback)
    if blank?(feedback["prediction_id"])
      text = "feedback without feedback.prediction_id"
      raise Refused.new("missing_prediction_id", text, "feedback.prediction_id")
    end
    return unless %w[actual actual_value rating comment].all? { |name| feedback[name].nil? }

    raise Refused.new("missing_feedback", "feedback without actual, actual_value, rating or comment", "feedback")
  end

  def blank?(value)
    value.nil? || (value.respond_to?(:empty?) && value.empty?)
  end

  # ---- quarantine --------------------------------------------------------------------------------------------------

  # The quarantine document of `raw`. Its id is the event's own id and a digest of the line, or without an id a digest of
  # line, source, batch and position: a batch that is sent again adds nothing. `names`: id and model, where they are known
  # otherwise than from `raw`.
  def quarantine(refused, raw, rules, now, source, batch, position, index = nil, names = nil)
    id, model = names || (refused.reason == "too_large" ? ["", ""] : identity(raw))
    body = {
      "reason" => refused.reason, "message" => refused.message[0, 1000], "field" => refused.field,
      "raw" => show(raw, MAX_RAW_BYTES), "size_bytes" => raw.bytesize, "source" => source, "index" => index
    }.compact
    meta = { "ingested" => iso(now) }
    meta["id"] = id unless id.empty?
    document = { "@timestamp" => iso(now), "event" => meta, "quarantine" => body }
    document["model"] = { "name" => model } unless model.empty?
    Document.new("#{rules.prefix}-quarantine.#{iso(now)[0, 7]}", quarantine_id(id, raw, source, batch, position), document)
  end

  def quarantine_id(id, raw, source, batch, position)
    return "#{show(id, MAX_OWN_ID_BYTES)}.#{Digest::SHA256.hexdigest(raw)[0, 16]}" unless id.empty?

    Digest::SHA256.hexdigest("#{raw.b}\n#{source}\n#{batch}\n#{position}".b)
  end

  # `event.id` and a legal `model.name` of a refused line, as far as it can be read.
  def identity(raw)
    event = decode_object(raw)
    begin
      lift(event)
    rescue Refused
      nil # then as far as it was lifted
    end
    name = text_of(event, "model", "name")
    [show(text_of(event, "event", "id"), MAX_ID_BYTES), MODEL_NAME.match?(name) ? name : ""]
  rescue Refused
    ["", ""]
  end

  def text_of(event, group, field)
    values = event[group]
    value = values.is_a?(Hash) ? values[field] : nil
    value.is_a?(String) ? value : ""
  end

  # `raw` as text of at most `limit` bytes, cut between characters; what is no UTF-8 is shown as \xFF.
  def show(raw, limit)
    text = raw.byteslice(0, limit).force_encoding(Encoding::UTF_8)
    if raw.bytesize > limit # the last character may be cut
      3.times { text.valid_encoding? || text.empty? ? break : text = text.byteslice(0, text.bytesize - 1) } if cut?(text)
    end
    return text if text.valid_encoding?

    shown = text.scrub { |bytes| bytes.bytes.map { |byte| format('\\x%02X', byte) }.join }
    shown.bytesize > limit ? show(shown, limit) : shown
  end

  # Whether `text` ends in the middle of a character.
  def cut?(text)
    text.b.match?(/(?:[\xC0-\xFF]|[\xE0-\xFF][\x80-\xBF]|[\xF0-\xFF][\x80-\xBF]{2})\z/n)
  end

  # ---- events ----------------------------------------------------------------------------------------------------------

  # The event of a document: its fields and nothing else, index and id in [@metadata][driftlog] for the outputs.
  def event_of(document)
    source = document.source
    timestamp = source.delete("@timestamp")
    event = LogStash::Event.new(source.merge("@timestamp" => LogStash::Timestamp.new(timestamp)))
    event.remove("@version")
    event.set("[@metadata][driftlog]", { "index" => document.index, "id" => document.id })
    event
  end

  # ---- classic log lines -------------------------------------------------------------------------------------------

  LOG_LINE = /\A\[?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?(?:Z|[+-]\d\d:?\d\d)?)\]?[\s|:-]+(?:\[?[A-Z]+\]?)[\s|:-]+(.*)\z/m
  PAIR = /([A-Za-z_@][\w.@-]*)=("(?:[^"\\]|\\.)*"|\{.*?\}(?=\s|\z)|\S+)/

  # A line of an application's log as the JSON text of an event, nil where it says nothing of a prediction.
  #
  # `2026-03-03 12:00:00,123 INFO app: prediction model=churn id=e-1 label=1 score=0.83 features={"age": 41}`: a time, a
  # level, and either a JSON object somewhere after it or key=value pairs with a `model`. The line's time stands in where
  # the event has none.
  def from_log_line(line)
    return line if line.start_with?("{")

    match = LOG_LINE.match(line)
    return nil if match.nil?

    event = event_in(match[2])
    return nil if event.nil?

    event["@timestamp"] ||= match[1].tr(",", ".")
    LogStash::Json.dump(event)
  end

  def event_in(text)
    if (start = text.index("{")) && !text[0, start].match?(/\w=\z/) && !text[0, start].include?("model=")
      event = parse(text[start..])
      return event.is_a?(Hash) && (event.key?("model") || event.key?("model.name")) ? event : nil
    end
    pairs = text.scan(PAIR).to_h { |key, value| [key, value_of(value)] }
    pairs.key?("model") ? from_pairs(pairs) : nil
  rescue Refused
    nil
  end

  def value_of(text)
    text.start_with?('"', "{") ? parse(text) : text
  rescue Refused
    text
  end

  PAIR_NAMES = {
    "model" => "model.name", "version" => "model.version", "variant" => "model.variant", "id" => "event.id",
    "label" => "prediction.label", "score" => "prediction.score", "value" => "prediction.value",
    "error" => "error.message", "actual" => "feedback.actual", "prediction_id" => "feedback.prediction_id",
    "subject" => "subject.id", "service" => "service.name", "environment" => "service.environment"
  }.freeze

  # Pairs of other names are the features, numbers as numbers; beside a pair `features` they are labels.
  def from_pairs(pairs)
    event = {}
    others = pairs.key?("features") ? "labels" : "features"
    pairs.each do |key, value|
      if key == "latency_ms"
        event["event.duration"] = (value.to_f * 1_000_000).round if value.match?(NUMBER)
      elsif PAIR_NAMES.key?(key)
        event[PAIR_NAMES[key]] = value
      elsif key == "features" || key.include?(".") || key.start_with?("@")
        event[key] = value
      else
        (event[others] ||= {})[key] = others == "features" && NUMBER.match?(value.to_s) ? value.to_f : value
      end
    end
    event
  end
end
