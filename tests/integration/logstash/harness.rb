# encoding: utf-8
#
# Runs the scripts of logstash/filters on JRuby, the Ruby of Logstash, with the few classes of Logstash they use.
#
# One JSON request a line on standard input: {"script", "params", "fields"} -> one JSON array of documents a line on
# standard output: [{"index", "id", "source"}]. "fields" has the metadata under "@metadata"; {"types": true} asks for the
# table of types.

require "bigdecimal"
require "json"
require "time"

module LogStash
  module Json
    class ParserError < StandardError; end

    def self.load(text)
      JSON.parse(text, max_nesting: 1000, decimal_class: BigDecimal)  # as Logstash's own reader does
    rescue JSON::ParserError, JSON::NestingError => e
      raise ParserError, e.message
    end

    def self.dump(value)
      JSON.generate(value, max_nesting: 1000)
    end
  end

  class Timestamp
    def initialize(text)
      @time = Time.iso8601(text)
    end

    def to_s
      @time.utc.strftime("%Y-%m-%dT%H:%M:%S.%6NZ")
    end

    def to_json(*)
      to_s.to_json
    end
  end

  class Event
    attr_reader :metadata

    def initialize(fields)
      @metadata = fields.delete("@metadata") || {}
      @fields = { "@version" => "1" }.merge(fields)
      raise "no time" unless @fields["@timestamp"].is_a?(Timestamp)
    end

    def get(reference)
      parts = reference.start_with?("[") ? reference.scan(/\[([^\]]+)\]/).flatten : [reference]
      root = parts[0] == "@metadata" ? { "@metadata" => @metadata } : @fields
      parts.reduce(root) { |value, part| value.is_a?(Hash) ? value[part] : nil }
    end

    def set(reference, value)
      raise reference unless reference == "[@metadata][driftlog]"

      @metadata["driftlog"] = value
    end

    def remove(name)
      @fields.delete(name)
    end

    def to_hash
      @fields.dup
    end
  end
end

home = ARGV.fetch(0)
scripts = {}

$stdin.each_line do |line|
  request = JSON.parse(line)
  if request["types"]
    puts JSON.generate(Driftlog::TYPES)
    $stdout.flush
    next
  end
  name = request["script"]
  key = [name, request["params"]]
  scripts[key] ||= Object.new.tap do |script|
    path = File.join(home, "filters", name)
    script.instance_eval(File.read(path, encoding: "UTF-8"), path, 1)
    script.register({ "home" => home }.merge(request["params"]))
  end
  fields = request["fields"]
  fields["@timestamp"] = LogStash::Timestamp.new(fields.fetch("@timestamp", "2026-01-01T00:00:00Z"))
  found = scripts[key].filter(LogStash::Event.new(fields)).map do |event|
    event.metadata["driftlog"].merge("source" => event.to_hash)
  end
  puts JSON.generate(found, max_nesting: 1000)
  $stdout.flush
end
