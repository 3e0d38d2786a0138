/* An ipmi_sim (OpenIPMI lanserv) module: hands the chassis commands to the machine's own process, byte for byte.
 * The stock handlers drop boot flag byte 1 (persistent, EFI) and start a program for each question.
 * Loaded by:  loadlib "chassis-relay.so" "<machine directory>"
 *   <directory>/chassis.sock   one line "<command> <data in hex>" per connection, answered by one line of hex
 *   <directory>/bmc.log        "<seconds> <command> <data in hex> -> <answer in hex>" for everything that changes something
 * Sessions, users, privileges, sensors and serial-over-LAN stay OpenIPMI's. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <OpenIPMI/serv.h>
#include <OpenIPMI/mcserv.h>

#define CHASSIS_NETFN 0x00
#define NODE_BUSY 0xc0
#define MAX_DATA 64

static char socket_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
static char log_path[512];

static void to_hex(char *text, const unsigned char *bytes, unsigned int count) {
  *text = 0;
  for (unsigned int i = 0; i < count; i++) sprintf(text + 2 * i, "%02x", bytes[i]);
}

/* One question, one answer; 0 on success. A chassis that does not answer within two seconds is "busy". */
static int ask(const char *question, char *answer, size_t room) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct timeval patience = {.tv_sec = 2};
  size_t used = 0;
  int link = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (link < 0) return -1;
  strcpy(address.sun_path, socket_path);
  setsockopt(link, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(link, (struct sockaddr *)&address, sizeof address) == 0 &&
      send(link, question, strlen(question), MSG_NOSIGNAL) > 0) {
    ssize_t count;
    while (used + 1 < room && (count = read(link, answer + used, room - 1 - used)) > 0) {
      used += count;
      if (answer[used - 1] == '\n') break;
    }
  }
  close(link);
  answer[used] = 0;
  return used > 0 && answer[used - 1] == '\n' ? 0 : -1;
}

static void note(unsigned int command, const char *data, const char *answer) {
  struct timeval now;
  FILE *log = fopen(log_path, "a");
  if (!log) return;
  gettimeofday(&now, NULL);
  fprintf(log, "%ld.%03ld %02x %s -> %s\n", (long)now.tv_sec, (long)now.tv_usec / 1000, command, data, answer);
  fclose(log);
}

static void relay(lmc_data_t *mc, msg_t *msg, unsigned char *rdata, unsigned int *rdata_len, void *cb_data) {
  char data[2 * MAX_DATA + 1], question[2 * MAX_DATA + 8], answer[2 * MAX_DATA + 2];
  unsigned int command = msg->cmd, count = 0, byte;
  (void)mc;
  (void)cb_data;
  *rdata_len = 1;
  rdata[0] = NODE_BUSY;
  to_hex(data, msg->data, msg->len < MAX_DATA ? msg->len : MAX_DATA);
  snprintf(question, sizeof question, "%02x %s\n", command, data);
  if (ask(question, answer, sizeof answer) != 0) {
    note(command, data, "no answer");
    return;
  }
  while (count < MAX_DATA && sscanf(answer + 2 * count, "%2x", &byte) == 1) rdata[count++] = byte;
  if (count) *rdata_len = count;
  answer[strcspn(answer, "\n")] = 0;
  if (command == 0x02 || command == 0x04 || command == 0x08) note(command, data, answer);
}

void ipmi_sim_module_print_version(sys_data_t *sys, char *options) {
  (void)sys;
  (void)options;
  puts("chassis-relay 1");
}

int ipmi_sim_module_init(sys_data_t *sys, const char *options) {
  (void)sys;
  if (!options || strlen(options) + sizeof "/chassis.sock" > sizeof socket_path) {
    fprintf(stderr, "chassis-relay: the machine directory is missing or its path is too long for a unix socket\n");
    return -1;
  }
  snprintf(socket_path, sizeof socket_path, "%s/chassis.sock", options);
  snprintf(log_path, sizeof log_path, "%s/bmc.log", options);
  return 0;
}

int ipmi_sim_module_post_init(sys_data_t *sys) {
  static const unsigned char commands[] = {0x01, 0x02, 0x04, 0x08, 0x09};
  (void)sys;
  for (size_t i = 0; i < sizeof commands; i++) ipmi_emu_register_cmd_handler(CHASSIS_NETFN, commands[i], relay, NULL);
  return 0;
}
