// Puts a button under each command that copies it. Without this file the page says the same.
for (const command of document.querySelectorAll('.sample pre')) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  button.textContent = 'Copy';
  const said = document.createElement('span');
  said.setAttribute('role', 'status');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(command.textContent);
      said.textContent = ' Copied';
    } catch {
      getSelection().selectAllChildren(command);
      said.textContent = ' Selected: copy it with your keyboard';
    }
  });
  command.after(button, said);
}
