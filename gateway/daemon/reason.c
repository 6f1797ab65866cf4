/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/reason.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gateway/common/reason.h"
#include "gateway/common/text.h"

#define STARS 3

/* A star is any text, numbers too; it is looked up itself, and stands in the Chinese in the same
 * order. Of two that fit the first counts. */
static const struct reason {
    const char *english, *chinese;
} reasons[] = {
    /* Services for people: notifier/ways.c, sender.c */
    {"wrong key or address (HTTP *)", "密钥或地址不对（HTTP *）"},
    {"wrong key (*)", "密钥不对（*）"},
    {"wrong token (*)", "令牌不对（*）"},
    {"wrong secret, keyword or address of the robot (*)", "加签密钥、关键词或机器人地址不对（*）"},
    {"wrong secret, or the gateway's clock is wrong (*)", "签名密钥不对，或主机的时间不对（*）"},
    {"this address is not on the robot's list (*)", "本机地址不在机器人的白名单里（*）"},
    {"the robot wants a keyword (*)", "机器人要求消息里有关键词（*）"},
    {"the robot is stopped (*)", "机器人已停用（*）"},
    {"the group is gone (*)", "群已解散（*）"},
    {"too many messages for the service (*)", "发得太多，服务限流了（*）"},
    {"too many messages for the service", "发得太多，服务限流了"},
    {"the service is busy (*)", "服务正忙（*）"},
    {"the service has trouble (*)", "服务出了故障（*）"},
    {"the service refuses the message (*)", "服务拒收这条消息（*）"},
    {"the answer is not one of *", "应答不是 * 的"},
    {"the mail server refuses user or password (*)", "邮件服务器不认用户名或密码（*）"},
    {"the mail server refuses user or password", "邮件服务器不认用户名或密码"},
    {"the mail server refuses the mail (*)", "邮件服务器拒收这封邮件（*）"},
    {"the mail server has trouble (*)", "邮件服务器出了故障（*）"},
    {"the mail server has no TLS", "邮件服务器不支持 TLS"},
    {"the mailbox is full (*)", "邮箱满了（*）"},
    {"its file * can't be read, or is empty", "读不到它的文件 *，或文件是空的"},
    {"its certificate can't be verified (see ca_file)", "它的证书验证不了（见 ca_file）"},
    {"the request can't be made", "请求发不出去"},
    {"no answer yet; it is tried on", "还没有应答，会接着试"},
    {"not reached: *", "连不上：*"},
    {"Couldn't resolve host name", "找不到这个域名"},
    {"Couldn't connect to server", "连不到服务器"},
    {"Timeout was reached", "等不到应答"},
    {"SSL connect error", "加密连接建立不了"},
    {"Server returned nothing (no headers, no data)", "对方什么也没有回"},
    /* Why an upgrade was undone: gateway/packaging/baiye-upgrade, tools/cli/upgrade_gate.c */
    {"it can't be installed: *", "装不上：*"},
    {"its installation was cut off", "安装中途断了"},
    {"no gateway answers", "新版本没有应答"},
    {"the gateway does not answer", "新版本没有应答"},
    {"another version runs: *", "运行的是另一个版本：*"},
    {"it is not ready: *", "新版本没有就绪：*"},
    {"no broker has acknowledged what it sent", "它发的消息没有得到服务器确认"},
    /* The modem: notifier/sms.c */
    {"ModemManager does not run", "ModemManager 没有运行"},
    {"ModemManager does not answer", "ModemManager 没有应答"},
    {"ModemManager lets this user send nothing", "ModemManager 不让本程序发短信"},
    {"ModemManager has no modem that sends text messages", "ModemManager 没有能发短信的模块"},
    {"the SIM card wants its PIN", "SIM 卡要 PIN 码"},
    {"the SIM card is locked (PUK)", "SIM 卡锁住了（PUK）"},
    {"no SIM card is in the modem", "模块里没有 SIM 卡"},
    {"the modem can't send text messages", "模块不能发短信"},
    {"the modem refuses: *", "模块拒绝：*"},
    {"the mobile network does not answer", "移动网络没有应答"},
    {"the system bus can't be reached", "连不到系统总线"},
    {"only * of * numbers: *", "* / * 个号码收到：*"},
    {"only * of * receivers: *", "* / * 个收件人收到：*"},
    /* Outputs on a line: bus/bus.c */
    {"no answer", "没有应答"},
    {"only garbage came", "应答有误"},
    {"the device refused it", "设备拒绝了"},
    {"no adapter or no connection", "线路不通"},
    {"too many requests wait; try again later", "线路太忙，等一会儿再试"},
    {"the bus was stopped", "线路已停用"},
    {"the device acknowledged it, but reads back otherwise: it did not take it",
     "写入后读回来的不一样"},
    {"the request is wrong", "请求有误"},
    {"the bus is paused; `baiye resume BUS` ends that", "线路暂停使用"},
    /* Brokers: publish/worker/publisher.c, tls_why.c; of MQTT what its reasons are called */
    {"Bad user name or password", "用户名或密码不对"},
    {"Not authorized", "没有权限"},
    {"Client identifier not valid", "客户端标识不被接受"},
    {"Banned", "被封禁"},
    {"Quota exceeded", "超出配额"},
    {"Unsupported protocol version", "不支持这个协议版本"},
    {"no connection to the broker", "连不上消息服务器"},
    {"nobody listens there: is it switched on, are address and port right?",
     "那边没有程序在听：开机了吗？地址和端口对吗？"},
    {"no connection: is it on? Are address, port and its certificate (ca_file, name) right?",
     "连不上：开机了吗？地址、端口和证书（ca_file、名称）对吗？"},
    {"no answer from its address: is it switched on, are address and port right?",
     "那个地址没有应答：开机了吗？地址和端口对吗？"},
    {"it hangs up when we log in: MQTT 3.1.1 only? Other TLS or path than in url?",
     "一登录就被挂断：它只支持 MQTT 3.1.1？或 TLS、路径与 url 不符？"},
    {"TLS: the broker's certificate is refused: *", "TLS：它的证书不被接受：*"},
    {"TLS: the broker refuses our certificate: *", "TLS：它不接受本机的证书：*"},
    {"TLS: the handshake failed: *", "TLS：握手失败：*"},
    {"certificate has expired", "证书已过期"},
    {"certificate is not yet valid", "证书还没有生效（主机的时间对吗？）"},
    {"hostname mismatch", "证书不是这个名字的"},
    /* The app's server: http/http.c */
    {"can't listen on *: address in use, not there yet, a bad certificate, or no file descriptor "
     "left",
     "* 的地址被占用或还不存在，证书不对，或文件描述符用完了"},
    /* The store: retain.c, recovery.c, salvage.c */
    {"max_size is used up: readings of the last 7 days were thinned to hourly means",
     "max_size 用完了：最近 7 天的数据已缩成每小时平均值"},
    {"max_size is used up: undelivered readings were thinned to hourly means",
     "max_size 用完了：还没发出的数据已缩成每小时平均值"},
    {"was damaged, kept as *; salvage is under way", "文件损坏，已另存为 *；正在抢救"},
    {"was damaged; * records were taken over from *", "文件曾损坏；接回了 * 条记录，来自 *"},
    {"* cannot be used: *", "* 用不了：*"},
    {"database or disk is full", "硬盘满了"},
    {"disk I/O error", "硬盘读写出错"},
    {"attempt to write a readonly database", "硬盘只能读，不能写"},
};

static const char *look_up(const char *why, struct reason_part stars[STARS])
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reason_fits(reasons[i].english, "*", why, stars, STARS))
            return reasons[i].chinese;
    }
    return NULL;
}

typedef void put_star(char *out, size_t size, const char *why);

/* As it is. */
static void put_plain(char *out, size_t size, const char *why)
{
    (void)text_add(out, size, "%s", why);
}

static void put_chinese(char *out, size_t size, const char *why, put_star *put)
{
    struct reason_part stars[STARS] = {{NULL, 0}};
    const char *chinese = look_up(why, stars);
    char within[200];
    if (chinese == NULL) {
        put_plain(out, size, why);
        return;
    }
    for (unsigned star = 0; *chinese != '\0';) {
        size_t literal = strcspn(chinese, "*");
        (void)text_add(out, size, "%.*s", (int)literal, chinese);
        chinese += literal;
        if (*chinese == '*') {
            (void)snprintf(within, sizeof within, "%.*s", (int)stars[star].size, stars[star].text);
            put(out, size, within);
            star++;
            chinese++;
        }
    }
}

/* What stands in a star is looked up itself; what stands in its stars is not. */
static void put_within(char *out, size_t size, const char *why)
{
    put_chinese(out, size, why, put_plain);
}

void reason_chinese(const char *why, char *out, size_t size)
{
    out[0] = '\0';
    put_chinese(out, size, why, put_within);
}
