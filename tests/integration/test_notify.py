# SPDX-License-Identifier: Apache-2.0
"""Alerts reach people: through each service's own request, over refusals, hangs and kills, once."""
import email
import email.header
import json
import os
import pathlib
import select
import signal
import subprocess

import pytest
from garden import BUILD, Process, listens, program, step_clock, wait_until
from services import MailServer, Service, certificate, is_noted
from systembus import start_modem
from test_rpc import by_socket

LINES = [{"name": "west", "baud": 9600, "units": [
    {"kind": "zts-3001", "address": 7, "name": "soil"}]}]
COLD = {"name": "cold", "label": "低温", "label_en": "Cold", "metric": "soil_temperature",
        "level": "alarm", "below": 80}
DEEP = {**COLD, "name": "deep", "below": -30}


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    service.stop()


def way(site, service, name, kind, **more):
    """One entry of notify, with its secrets in files."""
    keys = {"ca_file": str(service.cert), "url": service.url(f"/{name}")}
    for key in {"wecom": ["key"], "dingtalk": ["token", "secret"], "feishu": ["token", "secret"],
                "ntfy": ["token"], "webhook": []}[kind]:
        path = site.folder / f"{name}.{key}"
        path.write_text(f"secret-{name}-{key}\n")
        keys[f"{key}_file"] = str(path)
    if kind == "ntfy":
        keys["topic"] = "garden"
    return {"name": name, kind: {**keys, **more}}


def start(site, ways, **more):
    site.start_broker()
    site.start_field(LINES)
    site.start_watcher()
    site.start_gateway(every="1s", more={"alerts": [COLD], "notify": ways, **more})


def standing(site, id):
    return site.watcher.retained.get(f"alert/{id}") or b""


def notifier_pid(site):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                name, rest = file.read().rsplit(")", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if name.endswith("baiye-notifier") and int(rest.split()[1]) == site.gateway.child.pid:
            return int(pid)
    return None


def kill_both(site):
    """The gateway, and its notifier ends with it: what that one still tried would be taken for the next
    one's."""
    notifier = os.pidfd_open(wait_until(lambda: notifier_pid(site), 20, "the notifier"))
    site.gateway.kill()
    assert select.select([notifier], [], [], 100)[0], "the notifier goes on"
    os.close(notifier)


def is_written_down(site, id):
    return is_noted(pathlib.Path(site.gateway.config["store"]["path"]), id)


def test_every_service_is_told_of_beginning_and_end(site, service, needs):
    needs("baiye-field", "baiyed")
    kinds = ("wecom", "dingtalk", "feishu", "ntfy", "webhook")
    start(site, [way(site, service, f"w-{kind}", kind) for kind in kinds])
    for kind in kinds:
        wait_until(lambda kind=kind: service.texts(f"/w-{kind}") or kind == "ntfy" and
                   service.texts("/"), 40, f"{kind} is told")
    text = service.texts("/w-wecom")[0]
    assert text.startswith("【告警】低温：土温 ") and "低于 80 °C" in text and "soil" in text
    paths = {path for _, path, _ in service.taken}
    assert "/w-wecom?key=secret-w-wecom-key" in paths
    assert "/w-feishu/secret-w-feishu-token" in paths
    assert any(path.startswith("/w-dingtalk?access_token=secret-w-dingtalk-token&timestamp=")
               for path in paths)
    site.gateway.stop()
    site.gateway.config["alerts"] = [DEEP]  # the cause is gone
    site.gateway.write_config()
    site.gateway.start()
    for kind in kinds:
        wait_until(lambda kind=kind: len(service.texts(f"/w-{kind}")) == 2, 40, f"{kind}: the end")
    assert service.texts("/w-wecom")[1].startswith("【已解除】低温")
    assert "secret-" not in site.gateway.log()


def test_a_wrong_key_is_told_by_the_other_ways_and_a_hang_delays_none(site, service, needs):
    needs("baiye-field", "baiyed")
    service.answers = {"/wrong": (200, '{"errcode":93000}'), "/hangs": "hang"}
    start(site, [way(site, service, "wrong", "wecom"), way(site, service, "hangs", "webhook"),
                 way(site, service, "good", "webhook", )])
    wait_until(lambda: service.texts("/good"), 20, "the good way is told")
    wait_until(lambda: any("wrong" in text and "wecom" in text for text in service.texts("/good")),
               20, "and of the wrong key")
    for alert in ("notify-wrong", "cold-garden"):  # the screen may hear of it later than people do
        wait_until(lambda alert=alert: standing(site, alert), 20, alert)
    service.answers = {}
    service.released.set()
    wait_until(lambda: service.texts("/hangs"), 60, "what hung is told later")


def test_an_alert_is_told_once_over_kills_of_notifier_and_daemon(site, service, needs):
    needs("baiye-field", "baiyed")
    service.answers = {"/w": (500, "")}
    start(site, [way(site, service, "w", "webhook")])
    wait_until(lambda: service.asked, 30, "a first try")
    os.kill(wait_until(lambda: notifier_pid(site), 10, "the notifier"), signal.SIGKILL)
    before = len(service.asked)
    wait_until(lambda: len(service.asked) > before, 30, "it tries on")
    kill_both(site)
    service.answers = {}
    site.gateway.start()
    wait_until(lambda: service.texts("/w"), 40, "it is told")
    wait_until(lambda: is_written_down(site, "cold-garden"), 10, "and that is written down")
    site.gateway.kill()
    site.gateway.start()
    wait_until(lambda: standing(site, "cold-garden"), 20, "it stands")
    seen = site.watcher.count()
    wait_until(lambda: site.watcher.count() > seen + 5, 30, "readings")
    assert len(service.texts("/w")) == 1


def test_a_step_of_the_clock_tells_no_one_twice_and_loses_no_end(site, service, needs, monkeypatch):
    """Six hours on, then three back, then a restart. Not before the start: no certificate would be good
    then, and rightly nothing would go out."""
    needs("baiye-field", "baiyed")
    step = site.folder / "step"
    step_clock(step, 0)
    site.start_broker()
    site.start_field(LINES)
    site.start_watcher()
    monkeypatch.setenv("LD_PRELOAD", str(BUILD / "lib" / "clock-step.so"))
    monkeypatch.setenv("BAIYE_CLOCK_STEP", str(step))
    site.start_gateway(every="1s", more={"alerts": [COLD],
                                         "notify": [way(site, service, "w", "webhook")]})
    wait_until(lambda: service.texts("/w"), 40, "it is told")
    wait_until(lambda: is_written_down(site, "cold-garden"), 10, "and that is written down")

    def readings_go_on():
        seen = site.watcher.count()
        wait_until(lambda: site.watcher.count() > seen + 5, 30, "readings")
    for seconds in (6 * 3600, 3 * 3600):
        step_clock(step, seconds)
        readings_go_on()
        assert standing(site, "cold-garden") and len(service.texts("/w")) == 1
    site.gateway.stop()
    site.gateway.start()
    readings_go_on()
    assert standing(site, "cold-garden") and len(service.texts("/w")) == 1
    site.gateway.stop()
    site.gateway.config["alerts"] = [DEEP]  # the cause is gone
    site.gateway.write_config()
    site.gateway.start()
    wait_until(lambda: len(service.texts("/w")) == 2, 40, "its end")
    readings_go_on()
    assert len(service.texts("/w")) == 2 and service.texts("/w")[1].startswith("【已解除】")


def test_a_full_disk_delays_no_alarm_and_tells_no_one_twice(site, service, needs, monkeypatch):
    """A message is written before it is sent, but waits for no disk; nor is it told again while the
    notifier is killed and the disk still takes nothing."""
    needs("baiye-field", "baiyed")
    shim = site.folder / "shim"
    shim.write_text("")
    linked = subprocess.run(["ldd", program("baiyed")], capture_output=True, text=True,
                            check=True).stdout
    preloads = [line.split("=>")[1].split()[0] for line in linked.splitlines() if "libasan" in line]
    site.start_broker()
    site.start_field(LINES)
    site.start_watcher()
    with monkeypatch.context() as patch:
        patch.setenv("LD_PRELOAD", " ".join([*preloads, str(BUILD / "lib" / "fault-shim.so")]))
        patch.setenv("BAIYE_SHIM", str(shim))
        site.start_gateway(every="1s", more={"alerts": [DEEP],
                                             "notify": [way(site, service, "w", "webhook")]})
    wait_until(lambda: site.watcher.count() > 2, 30, "readings")
    shim.write_text("full")
    wait_until(lambda: standing(site, "store"), 60, "the disk is full")
    wait_until(lambda: len(service.texts("/w")) == 1, 20, "and people are told of it")
    # One whose answer never came goes again, under the same key: that is another test.
    wait_until(lambda: "notify w: delivered" in site.gateway.log(), 20, "the daemon knows of it")
    os.kill(wait_until(lambda: notifier_pid(site), 20, "the notifier"), signal.SIGKILL)
    site.field.control("fault", kind="dead", line="west", unit=7)
    wait_until(lambda: any("soil" in text for text in service.texts("/w")), 90, "another alert")
    shim.write_text("")
    site.field.control("fault", kind="dead", probability=0, line="west", unit=7)
    wait_until(lambda: not standing(site, "store"), 60, "the disk has room")
    wait_until(lambda: sum("[Over]" in text or "已解除" in text for text in service.texts("/w")) >= 1,
               60, "the end")
    begun = [text.split("\n")[0] for message in service.texts("/w")
             for text in message.split("\n\n") if text.startswith("【告警】")]
    assert len(begun) == len(set(begun)) >= 2, begun


def test_a_message_without_an_answer_goes_again_under_the_same_key(site, service, needs):
    """The service has taken it, and the gateway is killed before it knows: a service that looks at
    the key takes the second one for what it is."""
    needs("baiye-field", "baiyed")
    service.answers = {"/w": "hang"}
    start(site, [way(site, service, "w", "webhook")])
    wait_until(lambda: service.asked, 30, "it has the message")
    os.kill(wait_until(lambda: notifier_pid(site), 10, "the notifier"), signal.SIGKILL)
    wait_until(lambda: len(service.asked) > 1, 30, "again")
    kill_both(site)
    service.answers = {}
    service.released.set()
    site.gateway.start()
    wait_until(lambda: service.texts("/w"), 40, "it is told")
    assert len(set(service.asked)) == 1 and len(set(service.keys)) == 1 and service.keys[0]
    site.gateway.stop()
    site.gateway.config["alerts"] = [DEEP]
    site.gateway.write_config()
    site.gateway.start()
    wait_until(lambda: len(service.texts("/w")) == 2, 40, "the end")
    assert service.keys[-1] != service.keys[0]


def test_a_service_whose_certificate_is_not_trusted_gets_nothing(site, service, needs, tmp_path):
    needs("baiye-field", "baiyed")
    other, _ = certificate(tmp_path, "other")
    start(site, [way(site, service, "w", "webhook", ca_file=str(other)),
                 way(site, service, "good", "webhook")])
    wait_until(lambda: service.texts("/good"), 30, "the good way is told")
    wait_until(lambda: standing(site, "notify-w"), 90, "an alert of the way")
    assert b"certificate" in standing(site, "notify-w")
    assert not [path for path, _ in service.asked if path.startswith("/w")]


def test_an_unanswered_alarm_goes_to_the_next_group(site, service, needs):
    needs("baiye-field", "baiyed")
    start(site, [way(site, service, "first", "webhook"), way(site, service, "next", "webhook")],
          groups={"day": ["first"], "night": ["next"]}, escalate="1min")
    wait_until(lambda: service.texts("/next"), 120, "the next group")
    at = {path: moment for moment, path, _ in reversed(service.taken)}
    assert at["/next"] - at["/first"] > 50
    assert service.texts("/next")[0].startswith("【还没人处理】")
    assert len(service.texts("/first")) == 1


def test_a_test_says_what_each_way_answers(site, service, needs):
    needs("baiye-field", "baiyed", "baiye")
    service.answers = {"/wrong": (200, '{"errcode":93000}')}
    start(site, [way(site, service, "wrong", "wecom"), way(site, service, "good", "feishu")])
    wait_until(lambda: service.texts("/good"), 30, "the alert of the garden")
    done = subprocess.run([program("baiye"), "alert", "test", "--socket",
                           site.folder / "baiyed.sock"], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "wrong" in lines[0] and "wrong key (93000)" in lines[0] and "wecom" in lines[0]
    assert lines[1].split() == ["good", "feishu", "delivered"]
    chinese = subprocess.run([program("baiye"), "alert", "test", "--socket",
                              site.folder / "baiyed.sock"], capture_output=True, text=True,
                             timeout=60, check=False, env={**os.environ, "LC_ALL": "zh_CN.UTF-8"})
    assert "密钥不对（93000）" in chinese.stdout and "已送达" in chinese.stdout
    told = json.loads(wait_until(lambda: standing(site, "notify-wrong"), 30, "the way's alert"))
    assert "密钥不对（93000）" in told["zh"]["what"] and "wrong key (93000)" in told["what"]
    assert any("【测试】" in text for text in service.texts("/good"))


def test_a_webhook_is_sent_the_body_of_the_file(site, service, needs):
    needs("baiye-field", "baiyed")
    start(site, [way(site, service, "w", "webhook", template='{"content": "$level $text"}')])
    text = wait_until(lambda: service.texts("/w"), 30, "it is told")[0]
    assert text.startswith("alarm 【告警】低温：土温 ")


@pytest.mark.parametrize("template", ["", "no word", "$txet", '{"a": "$"}', "$text" + "x" * 600])
def test_a_template_without_text_or_with_an_unknown_word_is_refused(tmp_path, template, needs):
    needs("baiyed")
    path = tmp_path / "gateway.yaml"
    path.write_text(json.dumps({"site": "tea", "notify": [{"name": "w", "webhook": {
        "url": "https://example.org", "template": template}}]}))
    done = subprocess.run([program("baiyed"), "--config", path, "--check"], capture_output=True,
                          text=True, timeout=120, check=False)
    assert done.returncode == 78 and "template: a text of at most 511 bytes" in done.stderr, done


def month(site):
    return by_socket(site, "stats")["brokers"][0]["bytes_month"]


def test_what_goes_to_people_counts_against_the_budget_and_goes_out_at_any(site, service, needs):
    needs("baiye-field", "baiyed", "baiye")
    start(site, [way(site, service, f"w-{i}", "webhook") for i in range(12)])
    wait_until(lambda: service.texts("/w-11"), 30, "the alert of the garden")
    site.gateway.stop()
    site.gateway.config["mqtt"][0]["budget"] = "200kB/month"
    site.gateway.write_config()
    site.gateway.start()
    wait_until(lambda: listens(site.folder / "baiyed.sock"), 30, "it answers")
    wait_until(lambda: month(site) > 0, 30, "the month is counted")
    rounds = 0
    while month(site) < 200_000:  # readings alone end at 80 %
        rounds += 1
        assert rounds < 40, month(site)
        before = month(site)
        subprocess.run([program("baiye"), "alert", "test", "--socket",
                        site.folder / "baiyed.sock"], capture_output=True, timeout=60, check=True)
        assert sum("【测试】" in body for _, _, body in service.taken) == rounds * 12
        # Each is a handshake, a request and an answer.
        wait_until(lambda before=before: month(site) >= before + 12 * 5000, 10, "it is counted")
    wait_until(lambda: standing(site, "budget-" + site.gateway.config["mqtt"][0]["name"]), 20,
               "and an alert says so")
    before = len(service.taken)
    site.gateway.config["alerts"] = [DEEP]
    site.gateway.write_config()
    site.gateway.signal(signal.SIGHUP)
    wait_until(lambda: len(service.taken) >= before + 12, 40, "the end of the alert is told")


def mail_way(server, folder, *more):
    password = folder / "mail.pass"
    password.write_text("secret\n")
    return {"name": "office", "language": "en", "mail": {
        "url": f"smtps://127.0.0.1:{server.port}", "from": "garden@example.org", "user": "garden",
        "to": ["li@example.org", "wang@example.org", *more], "password_file": str(password),
        "ca_file": str(server.cert)}}


def test_a_mail_goes_out_and_a_wrong_password_is_told(site, service, needs, tmp_path):
    needs("baiye-field", "baiyed")
    server = MailServer(tmp_path)
    server.replies = {"AUTH": "535 no"}
    start(site, [mail_way(server, tmp_path), way(site, service, "good", "webhook")])
    wait_until(lambda: any("office" in text for text in service.texts("/good")), 40,
               "the other way tells of the wrong password")
    server.replies = {}
    site.gateway.stop()
    site.gateway.config["alerts"] = [DEEP]
    site.gateway.write_config()
    site.gateway.start()
    receivers, text = wait_until(lambda: server.mails and server.mails[0], 40, "a mail")
    assert receivers == ["li@example.org", "wang@example.org"]
    message = email.message_from_string(text)
    words = message.get_payload(decode=True).decode()
    assert words.startswith("[Over] Cold: Soil temp. ")
    assert str(email.header.make_header(email.header.decode_header(message["Subject"]))) in words
    server.stop()


def test_no_password_and_no_mail_goes_to_a_server_without_tls(site, service, needs, tmp_path):
    needs("baiye-field", "baiyed", "baiye")
    server = MailServer(tmp_path, plain=True)
    mail = mail_way(server, tmp_path)
    mail["mail"]["url"] = f"smtp://127.0.0.1:{server.port}"
    start(site, [mail, way(site, service, "good", "webhook")])
    wait_until(lambda: any("邮件服务器不支持 TLS" in text for text in service.texts("/good")), 40,
               "the other way tells of it")
    assert not server.named and not server.logins
    server.starttls = True
    done = subprocess.run([program("baiye"), "alert", "test", "office", "--socket",
                           site.folder / "baiyed.sock"], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0 and "delivered" in done.stdout, done
    assert len(server.mails) == 1 and server.logins == 1
    server.stop()


def test_a_full_mailbox_is_told_and_keeps_no_mail_from_the_others(site, service, needs, tmp_path):
    """Nor does a server that lets nobody in for a moment, or wants to be asked later for one of them."""
    needs("baiye-field", "baiyed")
    server = MailServer(tmp_path)
    server.replies = {"AUTH": "454 not now", "li@example.org": "552 full",
                      "wang@example.org": "450 later"}
    start(site, [mail_way(server, tmp_path, "chen@example.org"),
                 way(site, service, "good", "webhook")])
    wait_until(lambda: "the mail server has trouble (454)" in site.gateway.log(), 40, "a first try")
    del server.replies["AUTH"]
    assert wait_until(lambda: server.mails and server.mails[0], 40, "a mail")[0] == [
        "chen@example.org"]
    wait_until(lambda: "the mail server has trouble (450)" in site.gateway.log(), 40, "of one")
    assert not standing(site, "notify-office")
    del server.replies["wang@example.org"]
    assert wait_until(lambda: len(server.mails) > 1 and server.mails[1], 40, "the next")[0] == [
        "wang@example.org"]
    wait_until(lambda: any("2 / 3 个收件人收到：邮箱满了（552）" in text
                           for text in service.texts("/good")), 40,
               "the other way tells of the full mailbox")
    assert len(server.mails) == 2
    assert server.named.count("wang@example.org") > 1
    assert [server.named.count(f"{name}@example.org") for name in ("chen", "li")] == [1, 1]
    server.stop()


def sent(file):
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_a_text_message_goes_out_by_the_modem(site, needs, system_bus):
    needs("baiye-field", "baiyed")
    file = start_modem(site)
    start(site, [{"name": "son", "sms": {"numbers": ["+8613800138000", "10086"]}}])
    messages = wait_until(lambda: len(sent(file)) == 2 and sent(file), 40, "two messages")
    assert [message["number"] for message in messages] == ["+8613800138000", "10086"]
    assert messages[0]["text"] == messages[1]["text"]
    assert messages[0]["text"].startswith("【告警】低温：土温 ") and len(messages[0]["text"]) <= 134


def test_what_the_modem_refuses_is_told_by_the_other_ways(site, service, needs, system_bus):
    needs("baiye-field", "baiyed")
    file = start_modem(site)
    error = pathlib.Path(f"{file}.error")
    error.write_text("org.freedesktop.ModemManager1.Error.MobileEquipment.SimPin")
    start(site, [{"name": "son", "sms": {"numbers": ["10086"]}},
                 way(site, service, "good", "webhook")])
    wait_until(lambda: any("SIM 卡要 PIN 码" in text for text in service.texts("/good")), 40,
               "the other way tells of it")
    assert not sent(file)
    error.unlink()
    done = subprocess.run([program("baiye"), "alert", "test", "son", "--socket",
                           site.folder / "baiyed.sock"], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0 and "delivered" in done.stdout, done
    assert "【测试】" in sent(file)[0]["text"]


def test_without_a_modem_manager_the_message_waits_for_it(site, needs, system_bus):
    needs("baiye-field", "baiyed")
    start(site, [{"name": "son", "sms": {"numbers": ["10086"]}}])
    wait_until(lambda: "ModemManager does not run" in site.gateway.log(), 40, "it says so")
    file = start_modem(site)
    assert wait_until(lambda: sent(file), 60, "the message")[0]["number"] == "10086"
