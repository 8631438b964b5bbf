"""What stands beside a Marathon in the field: Prometheus, which discovers tasks; the bridge's script,
which has HAProxy forward to them; and whoever has events posted to a URL."""
import http.server
import json
import os
import re
import signal
import subprocess
import threading

from mesolith import HERE, ask, case, equal, free_port, sample_app, wait_for

BRIDGE = os.path.join(HERE, "clients", "bridge")
APP, PORT = "/shop/web", 10000


def hosts_of(node):
    return sorted(f"{t['host']}:{t['ports'][0]}" for t in node.tasks_of(APP) if t["state"] == "TASK_RUNNING")


def run(place, *command):
    """In the background, until the place ends; what it says goes to a file."""
    with open(place.path(os.path.basename(command[0]) + ".out"), "ab") as out:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=place.folder,
                                env=place.environment(), start_new_session=True)


# ---- Prometheus

PROMETHEUS = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: tasks
    metrics_path: /health
    marathon_sd_configs: [{{servers: ['{url}'], refresh_interval: 1s}}]
    relabel_configs:
      - {{source_labels: [__meta_marathon_app], target_label: app}}
      - {{source_labels: [__meta_marathon_app_label_team], target_label: team}}
      - {{source_labels: [__meta_marathon_task], target_label: task}}
  - job_name: marathon
    metrics_path: /metrics/prometheus
    static_configs: [{{targets: ['{host}']}}]
"""


def watched(place, node):
    url = node.urls["marathon"]
    host = url.removeprefix("http://")
    own = f"{place.address}:{free_port(place.address)}"
    config = place.write("prometheus.yml", PROMETHEUS.format(url=url, host=host))
    run(place, "/usr/bin/prometheus", f"--config.file={config}", f"--storage.tsdb.path={place.path('prometheus')}",
        f"--web.listen-address={own}")

    def targets(job):
        found = ask(f"http://{own}/api/v1/targets").json["data"]["activeTargets"]
        return [t for t in found if t["labels"]["job"] == job]

    def number(name):
        found = ask(f"http://{own}/api/v1/query?query={name}").json["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    with case("Prometheus discovers each task with its port, its app and its labels", place):
        wait_for(lambda: sorted(t["labels"]["instance"] for t in targets("tasks")) == hosts_of(node), "both tasks")
        equal({(t["labels"]["app"], t["labels"]["team"]) for t in targets("tasks")}, {(APP, "shop")}, "labels")
        equal({t["labels"]["task"] for t in targets("tasks")}, {t["id"] for t in node.tasks_of(APP)}, "ids")
    with case("it reads our numbers", place):
        wait_for(lambda: number("marathon_instances_running_gauge") == 2, "two tasks run")
        equal([t["health"] for t in targets("marathon")], ["up"], "health")
        wait_for(lambda: number("marathon_http_requests_duration_timer_seconds_count") > 5, "requests are counted")
    with case("it follows when the app is scaled", place):
        node.put("/v2/apps" + APP, {"instances": 3})
        node.wait_running(APP, 3)
        wait_for(lambda: sorted(t["labels"]["instance"] for t in targets("tasks")) == hosts_of(node), "three tasks")


# ---- HAProxy, by the bridge's list

def bridged(place, node):
    host, dead = node.urls["marathon"].removeprefix("http://"), f"{place.address}:1"
    address, config = place.net + ".3", place.path("haproxy.cfg")

    def bridge(*hosts):
        return subprocess.run([BRIDGE, config, address, *hosts], capture_output=True, text=True, timeout=60,
                              env=place.environment()).returncode

    def servers():
        with open(config) as f:
            return sorted(re.findall(r"^  server \S+ (\S+)", f.read(), re.M))

    def answering():
        """Whose page it is, as often as there are tasks and some more."""
        return {re.search("Task<td>([^<]*)", ask(f"http://{address}:{PORT}/").text).group(1) for _ in range(12)}

    with case("the bridge's script writes a section for each service port, and HAProxy takes it", place):
        equal(bridge(dead, host), 0, "the second host is asked")
        with open(config) as f:
            assert f"listen shop_web-{PORT}\n  bind {address}:{PORT}\n" in f.read(), config
        equal(servers(), hosts_of(node), "servers")
    haproxy = run(place, "/usr/sbin/haproxy", "-W", "-db", "-f", config)
    with case("HAProxy forwards to all tasks", place):
        wait_for(lambda: answering() == {t["id"] for t in node.tasks_of(APP)}, "all three answer")
    with case("after a change it forwards to the new ones", place):
        node.put("/v2/apps" + APP, {"env": {"COLOUR": "green"}, "instances": 2})
        node.wait_running(APP, 2)
        wait_for(lambda: len(hosts_of(node)) == 2, "two tasks")
        equal(bridge(host), 0, "the bridge")
        haproxy.send_signal(signal.SIGUSR2)
        wait_for(lambda: answering() == {t["id"] for t in node.tasks_of(APP)}, "both answer")
    with case("while nobody answers the script leaves the configuration as it is", place):
        before = servers()
        node.kill9()
        equal(bridge(dead, host), 1, "the bridge")
        equal(servers(), before, "servers")
        equal(len(answering()), 2, "HAProxy goes on")
        node.start()
        equal(bridge(node.urls["marathon"].removeprefix("http://")), 0, "the bridge")
        equal(servers(), hosts_of(node), "servers, from the first answer on")
    haproxy.terminate()
    haproxy.wait(60)


# ---- a URL that events are posted to

class Sink:
    """Takes events at /cb while it is well; `events` are those that it has taken."""

    def __init__(self, address):
        sink = self
        self.events, self.well, self.refused = [], True, 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if sink.well:
                    sink.events.append(body)
                else:
                    sink.refused += 1
                self.send_response(200 if sink.well else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.url = f"http://{address}:{self.server.server_address[1]}/cb"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def types(self):
        return [e["eventType"] for e in self.events]

    def end(self):
        self.server.shutdown()
        self.server.server_close()


def called_back(place, node):
    sink = Sink(place.address)
    place.at_end.append(sink.end)
    subscriptions = "/v2/eventSubscriptions"
    with case("events are posted to a URL that was named, the heavy ones", place):
        equal(node.post(f"{subscriptions}?callbackUrl={sink.url}").json["eventType"], "subscribe_event", "answer")
        node.put("/v2/apps" + APP, {"instances": 1})
        wait_for(lambda: "deployment_success" in sink.types(), "the deployment's end")
        equal(sink.types()[0], "subscribe_event", "the first")
        plan = next(e["plan"] for e in sink.events if e["eventType"] == "deployment_success")
        equal([a["instances"] for w in ("original", "target") for a in plan[w]["apps"]], [2, 1], "instances in the plan")
    with case("what it does not take waits, and comes in its order when it does", place):
        before, sink.well = len(sink.events), False
        node.put("/v2/apps" + APP, {"instances": 2})
        wait_for(lambda: sink.refused > 0, "a refusal")
        node.wait_running(APP, 2)
        sink.well = True
        wait_for(lambda: "deployment_success" in sink.types()[before:], "the deployment's end")
        new = sink.events[before:]
        equal([e["eventType"] for e in new][:3], ["api_post_event", "group_change_success", "deployment_info"],
              "the first three")
        equal(len(new), len({json.dumps(e) for e in new}), "each once")
        counters = node.get("/metrics").json["counters"]
        assert counters["marathon.callbacks.failed.counter"]["count"] > 0, counters
        equal(counters["marathon.callbacks.dropped.counter"]["count"], 0, "dropped")
    with case("a restart does not forget the URL", place):
        node.restart()
        equal(node.get(subscriptions).json, {"callbackUrls": [sink.url]}, "URLs")
        before = len(sink.events)
        node.put("/v2/apps" + APP, {"instances": 1})
        wait_for(lambda: "deployment_success" in sink.types()[before:], "the deployment's end")
    with case("one that leads back to the node itself changes nothing", place):
        def posted():
            return node.get("/metrics").json["counters"]["marathon.callbacks.posted.counter"]["count"]
        own, version, before = f"{node.urls['marathon']}/v2/apps{APP}/restart", node.app(APP)["version"], posted()
        node.post(f"{subscriptions}?callbackUrl={own}")
        wait_for(lambda: posted() >= before + 2, "the event is taken by both")
        equal((node.app(APP)["version"], node.app(APP)["deployments"]), (version, []), "the app")
        node.delete(f"{subscriptions}?callbackUrl={own}")
    with case("a URL that is dropped gets nothing more", place):
        equal(node.delete(f"{subscriptions}?callbackUrl={sink.url}").json["eventType"], "unsubscribe_event", "answer")
        before = len(sink.events)
        node.delete("/v2/apps" + APP)
        wait_for(lambda: node.supervised() == {}, "no tasks left")
        equal(sink.types()[before:], [], "events")


def story(place):
    node = place.node().start()
    node.create(sample_app(APP, PORT, instances=2, labels={"team": "shop"}))
    node.wait_running(APP, 2)
    watched(place, node)
    bridged(place, node)
    called_back(place, node)
    equal(node.stop()[0], 0, "exit status")
