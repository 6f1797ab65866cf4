/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/sdi12/sdi12.h"

#include "protocols/bytes/bytes.h"
#include "protocols/modbus/crc16.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool sdi12_address_valid(char address)
{
    return is_digit(address) || (address >= 'a' && address <= 'z') ||
           (address >= 'A' && address <= 'Z');
}

/* The polynomial is that of Modbus; only the start value differs. */
uint16_t sdi12_crc(const char *text, size_t size)
{
    return crc16_modbus(0, text, size);
}

void sdi12_crc_text(uint16_t crc, char text[3])
{
    text[0] = (char)(0x40 | crc >> 12);
    text[1] = (char)(0x40 | (crc >> 6 & 0x3F));
    text[2] = (char)(0x40 | (crc & 0x3F));
}

/* ---- commands ---- */

static const struct verb_form {
    enum sdi12_verb verb;
    char letter;
    bool crc;        /* may carry a C */
    bool index;      /* a digit may follow */
    bool index_must; /* a digit must follow */
} verb_forms[] = {
    {SDI12_IDENTIFY, 'I', false, false, false}, {SDI12_MEASURE, 'M', true, true, false},
    {SDI12_CONCURRENT, 'C', true, true, false}, {SDI12_DATA, 'D', false, true, true},
    {SDI12_CONTINUOUS, 'R', true, true, true},  {SDI12_VERIFY, 'V', false, false, false},
};

static const struct verb_form *form_of_verb(enum sdi12_verb verb)
{
    for (size_t i = 0; i < sizeof verb_forms / sizeof *verb_forms; i++)
        if (verb_forms[i].verb == verb)
            return &verb_forms[i];
    return NULL;
}

static const struct verb_form *form_of_letter(char letter)
{
    for (size_t i = 0; i < sizeof verb_forms / sizeof *verb_forms; i++)
        if (verb_forms[i].letter == letter)
            return &verb_forms[i];
    return NULL;
}

static void write_char(struct byte_writer *w, char c)
{
    byte_write_u8(w, (uint8_t)c);
}

/* The length so far, and the NUL after it. */
static int write_end(struct byte_writer *w)
{
    size_t length = w->at;
    write_char(w, '\0');
    return w->failed ? SDI12_E_SPACE : (int)length;
}

int sdi12_command_write(const struct sdi12_command *command, char *text, size_t size)
{
    struct byte_writer w = byte_writer_init(text, size);
    if (command->verb == SDI12_QUERY) {
        write_char(&w, '?');
        write_char(&w, '!');
        return write_end(&w);
    }
    if (!sdi12_address_valid(command->address))
        return SDI12_E_ADDRESS;
    write_char(&w, command->address);
    if (command->verb == SDI12_CHANGE) {
        if (!sdi12_address_valid(command->new_address))
            return SDI12_E_ADDRESS;
        write_char(&w, 'A');
        write_char(&w, command->new_address);
    } else if (command->verb != SDI12_ACKNOWLEDGE) {
        const struct verb_form *form = form_of_verb(command->verb);
        if (form == NULL || command->index > 9 || (command->crc && !form->crc) ||
            (command->index && !form->index))
            return SDI12_E_FORM;
        write_char(&w, form->letter);
        if (command->crc)
            write_char(&w, 'C');
        if (form->index_must || command->index)
            write_char(&w, (char)('0' + command->index));
    }
    write_char(&w, '!');
    return write_end(&w);
}

/* What stands between the address and the '!'. */
static int parse_body(const char *body, size_t length, struct sdi12_command *command)
{
    if (length == 0) {
        command->verb = SDI12_ACKNOWLEDGE;
        return SDI12_OK;
    }
    if (length == 2 && body[0] == 'A') {
        command->verb = SDI12_CHANGE;
        command->new_address = body[1];
        return sdi12_address_valid(body[1]) ? SDI12_OK : SDI12_E_ADDRESS;
    }
    const struct verb_form *form = form_of_letter(body[0]);
    if (form == NULL)
        return SDI12_E_FORM;
    command->verb = form->verb;
    size_t at = 1;
    if (form->crc && at < length && body[at] == 'C') {
        command->crc = true;
        at++;
    }
    bool indexed = form->index && at < length && is_digit(body[at]);
    if (indexed)
        command->index = (uint8_t)(body[at++] - '0');
    if (at != length || (form->index_must && !indexed))
        return SDI12_E_FORM;
    return SDI12_OK;
}

int sdi12_command_parse(const char *text, size_t length, struct sdi12_command *command)
{
    *command = (struct sdi12_command){.verb = SDI12_QUERY};
    if (length < 2 || text[length - 1] != '!')
        return SDI12_E_FORM;
    if (text[0] == '?')
        return length == 2 ? SDI12_OK : SDI12_E_FORM;
    if (!sdi12_address_valid(text[0]))
        return SDI12_E_ADDRESS;
    command->address = text[0];
    return parse_body(text + 1, length - 2, command);
}

/* ---- answers ---- */

/* Length without CR LF, or an error; at least the address is there. */
static int answer_length(const char *text, size_t length, char address)
{
    if (length < 3 || length >= SDI12_ANSWER_MAX || text[length - 2] != '\r' ||
        text[length - 1] != '\n')
        return SDI12_E_FORM;
    if (text[0] != address)
        return SDI12_E_ADDRESS;
    return (int)length - 2;
}

int sdi12_address_parse(const char *text, size_t length, char *address)
{
    if (length != 3 || text[1] != '\r' || text[2] != '\n')
        return SDI12_E_FORM;
    if (!sdi12_address_valid(text[0]))
        return SDI12_E_ADDRESS;
    *address = text[0];
    return SDI12_OK;
}

int sdi12_started_parse(const char *text, size_t length, char address, struct sdi12_started *out)
{
    int end = answer_length(text, length, address);
    if (end < 0)
        return end;
    if (end != 5 && end != 6) /* atttn or atttnn */
        return SDI12_E_FORM;
    uint16_t number[2] = {0, 0};
    for (int i = 1; i < end; i++) {
        if (!is_digit(text[i]))
            return SDI12_E_FORM;
        uint16_t *n = &number[i > 3];
        *n = (uint16_t)(*n * 10 + (text[i] - '0'));
    }
    *out = (struct sdi12_started){.seconds = number[0], .values = (uint8_t)number[1]};
    return SDI12_OK;
}

/* One number: sign, 1 to 7 digits, at most one point. Gives the characters it took. */
static int parse_number(const char *text, size_t length, struct sdi12_number *number)
{
    if (length < 2 || (text[0] != '+' && text[0] != '-'))
        return SDI12_E_FORM;
    int32_t mantissa = 0;
    unsigned digits = 0, decimals = 0;
    bool point = false;
    size_t at = 1;
    for (; at < length && (is_digit(text[at]) || text[at] == '.'); at++) {
        if (text[at] == '.') {
            if (point)
                return SDI12_E_FORM;
            point = true;
            continue;
        }
        if (++digits > SDI12_DIGITS_MAX)
            return SDI12_E_FORM;
        mantissa = mantissa * 10 + (text[at] - '0');
        decimals += point;
    }
    if (digits == 0)
        return SDI12_E_FORM;
    number->mantissa = text[0] == '-' ? -mantissa : mantissa;
    number->decimals = (uint8_t)decimals;
    return (int)at;
}

int sdi12_values_parse(const char *text, size_t length, char address, bool crc,
                       struct sdi12_number *numbers, size_t max)
{
    int end = answer_length(text, length, address);
    if (end < 0)
        return end;
    if (crc) {
        char want[3];
        end -= 3;
        if (end < 1)
            return SDI12_E_CRC;
        sdi12_crc_text(sdi12_crc(text, (size_t)end), want);
        for (int i = 0; i < 3; i++)
            if (text[end + i] != want[i])
                return SDI12_E_CRC;
    }
    int count = 0;
    for (int at = 1; at < end; count++) {
        struct sdi12_number number;
        int used = parse_number(text + at, (size_t)(end - at), &number);
        if (used < 0)
            return used;
        if ((size_t)count == max)
            return SDI12_E_SPACE;
        numbers[count] = number;
        at += used;
    }
    return count;
}

int sdi12_started_write(char address, const struct sdi12_started *started, bool concurrent,
                        char *text, size_t size)
{
    if (!sdi12_address_valid(address))
        return SDI12_E_ADDRESS;
    if (started->seconds > SDI12_SECONDS_MAX || started->values > (concurrent ? 99 : 9))
        return SDI12_E_SPACE;
    struct byte_writer w = byte_writer_init(text, size);
    write_char(&w, address);
    write_char(&w, (char)('0' + started->seconds / 100));
    write_char(&w, (char)('0' + started->seconds / 10 % 10));
    write_char(&w, (char)('0' + started->seconds % 10));
    if (concurrent)
        write_char(&w, (char)('0' + started->values / 10));
    write_char(&w, (char)('0' + started->values % 10));
    write_char(&w, '\r');
    write_char(&w, '\n');
    return write_end(&w);
}

/* The digits of the number, at least one before the point; `text` holds 10. Characters used,
 * sign included, or 0 when SDI-12's seven digits can't hold it. */
static size_t format_number(struct sdi12_number number, char *text)
{
    if (number.decimals >= SDI12_DIGITS_MAX)
        return 0;
    uint32_t rest =
        number.mantissa < 0 ? 0U - (uint32_t)number.mantissa : (uint32_t)number.mantissa;
    char digits[SDI12_DIGITS_MAX];
    size_t count = 0;
    do {
        if (count == SDI12_DIGITS_MAX)
            return 0;
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest || count <= number.decimals);
    size_t at = 0;
    text[at++] = number.mantissa < 0 ? '-' : '+';
    while (count) {
        if (count == number.decimals)
            text[at++] = '.';
        text[at++] = digits[--count];
    }
    return at;
}

size_t sdi12_values_fit(const struct sdi12_number *numbers, size_t count, size_t budget)
{
    char text[SDI12_DIGITS_MAX + 3];
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        used += format_number(numbers[i], text);
        if (used > budget)
            return i;
    }
    return count;
}

int sdi12_values_write(char address, const struct sdi12_number *numbers, size_t count, bool crc,
                       char *text, size_t size)
{
    if (!sdi12_address_valid(address))
        return SDI12_E_ADDRESS;
    struct byte_writer w = byte_writer_init(text, size);
    write_char(&w, address);
    for (size_t i = 0; i < count; i++) {
        char digits[SDI12_DIGITS_MAX + 3];
        size_t used = format_number(numbers[i], digits);
        if (!used)
            return SDI12_E_SPACE;
        byte_write_span(&w, digits, used);
    }
    if (w.failed || w.at > 1 + SDI12_VALUES_C)
        return SDI12_E_SPACE;
    if (crc) {
        char check[3];
        sdi12_crc_text(sdi12_crc(text, w.at), check);
        byte_write_span(&w, check, sizeof check);
    }
    write_char(&w, '\r');
    write_char(&w, '\n');
    return write_end(&w);
}

bool sdi12_number_scale(struct sdi12_number number, uint8_t decimals, int32_t *value)
{
    int64_t scaled = number.mantissa;
    for (; number.decimals < decimals; number.decimals++) {
        scaled *= 10;
        if (scaled > INT32_MAX || scaled < INT32_MIN)
            return false;
    }
    int64_t divisor = 1;
    for (; number.decimals > decimals; number.decimals--) {
        divisor *= 10;
        if (divisor > INT32_MAX) { /* more decimals than a mantissa has digits */
            *value = 0;
            return true;
        }
    }
    int64_t half = divisor / 2;
    scaled = (scaled < 0 ? scaled - half : scaled + half) / divisor;
    *value = (int32_t)scaled;
    return scaled <= INT32_MAX && scaled >= INT32_MIN;
}
