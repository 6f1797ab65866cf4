// SPDX-License-Identifier: Apache-2.0
// For the technician: who may log in. A new user is let in by a picture that is good once; each change
// goes by the technician's own password, which this phone has (a program of root's looks at it).
import { useEffect, useState } from 'preact/hooks';
import { current, currentLogin } from '../garden';
import { t } from '../i18n';
import { tl, type LaterKey } from '../i18n/later';
import { inviteOf } from '../keep/invite';
import { ROLES, parseUsers, type Role, type User } from '../model/users';
import { state } from '../model/state';
import { RpcError } from '../mqtt/rpc';
import { randomId } from '../mqtt/session';
import { useGarden } from './hooks';
import { Icon } from './icon';
import { problem } from './problem';
import { Qr } from './qr';
import '../style/setup.css';

const CHANGE_MS = 30_000; // the broker's files are written, and it reads them
const BUSY_MS = 2000;
const BUSY_TRIES = 15;

const roleWord = (role: Role) => tl(`users.${role}` as LaterKey);

function why(e: unknown): string {
  if (!(e instanceof RpcError)) return problem(e);
  switch (e.code) {
    case 'forbidden': return tl('setup.technician');
    case 'wrong-password': return tl('users.password');
    case 'unavailable': return tl('users.unavailable');
    case 'unfit': case 'invalid': return tl('users.unfit');
    case 'busy': return tl('users.waits');
    case 'timeout': case 'offline': return tl('users.unknown');
    default: return problem(e);
  }
}

/** One change at a time: that of a phone which has just been let in takes a few seconds. */
async function ask(params: object): Promise<void> {
  for (let tried = 1; ; tried += 1) {
    try {
      await current()?.call('user_change', { ...params, password: currentLogin()?.password ?? '' }, CHANGE_MS);
      return;
    } catch (e) {
      if (!(e instanceof RpcError) || e.code !== 'busy' || tried === BUSY_TRIES) throw e;
    }
    await new Promise((r) => { setTimeout(r, BUSY_MS); });
  }
}

function RoleChoice({ role, set }: { role: Role; set: (role: Role) => void }) {
  return (
    <label>
      <span>{tl('users.role')}</span>
      <select name="role" value={role} onChange={(e) => set(e.currentTarget.value as Role)}>
        {ROLES.map((r) => <option key={r} value={r}>{roleWord(r)}</option>)}
      </select>
    </label>
  );
}

interface Page {
  busy: boolean;
  /** `invite`: with a new password, which a picture shows. Role null: removes. */
  change: (name: string, role: Role | null, invite?: boolean) => void;
}

function One({ page, user, open, toggle }: { page: Page; user: User; open: boolean; toggle: () => void }) {
  const [role, setRole] = useState(user.role);
  const [sure, setSure] = useState(false);
  const own = user.name === currentLogin()?.user;
  const off = page.busy || state.link !== 'up';
  return (
    <li>
      <button class="row" aria-expanded={open} disabled={page.busy} onClick={toggle}>
        <span>{user.name}</span><span class="quiet">{roleWord(user.role)}</span><span aria-hidden="true">{open ? '⌃' : '›'}</span>
      </button>
      {open && own && <p>{tl('users.own')}</p>}
      {open && !own && (
        <form onSubmit={(e) => { e.preventDefault(); page.change(user.name, role); }}>
          <RoleChoice role={role} set={setRole} />
          <p class="two">
            <button class="primary" type="submit" disabled={off || role === user.role}>{tl('setup.save')}</button>
            <button type="button" disabled={off} onClick={() => page.change(user.name, user.role, true)}>{tl('users.again')}</button>
          </p>
          {sure && <p class="strong">{tl('users.sure')}</p>}
          <button type="button" class={sure ? 'wrong' : ''} disabled={off}
            onClick={() => (sure ? page.change(user.name, null) : setSure(true))}>{tl('users.remove')}</button>
        </form>
      )}
    </li>
  );
}

function Add({ page, taken }: { page: Page; taken: string[] }) {
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('farmer');
  const [wrong, setWrong] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    const clean = name.trim().toLowerCase();
    if (!/^[a-z0-9-]{1,32}$/.test(clean)) return setWrong(tl('users.letters'));
    if (taken.includes(clean)) return setWrong(tl('users.taken'));
    setWrong('');
    return page.change(clean, role, true);
  };
  return (
    <form class="card" onSubmit={submit} aria-labelledby="adduser">
      <h2 id="adduser">{tl('users.add')}</h2>
      <label>
        <span>{tl('setup.name')}</span>
        <input name="user" type="text" value={name} maxLength={32} autocomplete="off" autocapitalize="none" onInput={(e) => setName(e.currentTarget.value)} />
      </label>
      <RoleChoice role={role} set={setRole} />
      {wrong && <p class="wrong" role="alert">✗ {wrong}</p>}
      <button class="primary wide" type="submit" disabled={page.busy || state.link !== 'up'}>{tl('users.go')}</button>
    </form>
  );
}

export function Users() {
  useGarden();
  const [users, setUsers] = useState<User[] | null>(null);
  const [failed, setFailed] = useState('');
  const [said, setSaid] = useState('');
  const [open, setOpen] = useState('');
  const [invite, setInvite] = useState<{ name: string; text: string } | null>(null);
  const up = state.link === 'up' && state.site !== null;
  const again = async () => {
    try {
      setUsers(parseUsers(await current()?.call('users', {})));
    } catch (e) {
      setFailed(why(e));
    }
  };
  useEffect(() => { if (up && !users) void again(); }, [up]);
  const change = async (name: string, role: Role | null, asked = false) => {
    const fresh = asked ? randomId() : '';
    const text = asked ? inviteOf(location.href, name, fresh, 'join') : null;
    setFailed('');
    setInvite(null);
    setSaid(tl('users.busy'));
    try {
      await ask({ name, role: role ?? 'none', ...(asked ? { new: fresh } : {}) });
      setSaid(tl(role ? 'users.done' : 'users.removed', name));
      if (text) setInvite({ name, text });
      setOpen('');
    } catch (e) {
      setSaid('');
      setFailed(why(e));
    }
    await again();
  };
  const page: Page = { busy: said === tl('users.busy'), change: (name, role, asked) => void change(name, role, asked) };
  return (
    <div class="setup second">
      <div class="pagehead">
        <a href="#/setup" aria-label={t('nav.back')}><Icon name="back" /></a>
        <h1>{tl('users.title')}</h1>
      </div>
      <div class="told" role="status">{said && <p class="strong">{said}</p>}</div>
      {failed && <p class="wrong" role="alert">✗ {failed}</p>}
      {invite && (
        <section class="card">
          <p class="strong">{tl('users.scan', invite.name)}</p>
          <Qr text={invite.text} label={tl('second.picture')} />
          <button class="wide" onClick={() => setInvite(null)}>{tl('users.scanned')}</button>
        </section>
      )}
      {users && (
        <>
          <ul class="rows card">
            {users.map((u) => <One key={`${u.name} ${u.role}`} page={page} user={u} open={open === u.name} toggle={() => setOpen(open === u.name ? '' : u.name)} />)}
          </ul>
          <Add key={invite?.name} page={page} taken={users.map((u) => u.name)} />
        </>
      )}
      {!users && !failed && <p class="quiet pad">{t('plot.loading')}</p>}
    </div>
  );
}
